// SPDX-License-Identifier: Apache-2.0

/// A domain's number as the ledger's entries carry it. 0 means no domain.
@usableFromInline
package struct DomainNumber: Hashable, Sendable {
  @usableFromInline package let rawValue: UInt16
  @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// Stands for a domain as long as the domain has its number. Afterwards it stands for nothing, even if another domain
/// gets the same number.
///
/// Only the library makes identifiers. A `NativeResource` can be created with the identifier of a domain that was
/// added with ``ResourceDomains/add(_:kind:)``, and with that of the file descriptors.
public struct DomainID: Hashable, Sendable {
  package let number: DomainNumber
  /// Counts how often the number was given out or given back, up to and including the time when this domain got it. It
  /// is always odd.
  package let turn: UInt32

  package init(number: DomainNumber, turn: UInt32) {
    self.number = number
    self.turn = turn
  }

  /// The identifier of what is in no domain.
  package static var none: DomainID { DomainID(number: DomainNumber(rawValue: 0), turn: 0) }

  /// The domain's number in the ledger.
  package var rawValue: UInt16 { number.rawValue }
}
