/// A domain's number as the ledger's entries carry it. 0 is no domain.
public struct DomainNumber: Hashable, Sendable {
  public let rawValue: UInt16
  @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// Stands for a domain as long as that has its number: of no use afterwards, even where another domain has the number.
///
/// Only the library makes one. A ``NativeResource`` can be created with that of a domain which was added with
/// ``ResourceDomains/add(_:kind:)``, and with that of the file descriptors.
public struct DomainID: Hashable, Sendable {
  package let number: DomainNumber
  /// How many times the number was given out and given back until this domain got it; odd.
  package let turn: UInt32

  package init(number: DomainNumber, turn: UInt32) {
    self.number = number
    self.turn = turn
  }

  /// Of what is in no domain.
  package static var none: DomainID { DomainID(number: DomainNumber(rawValue: 0), turn: 0) }

  /// The domain's number in the ledger.
  public var rawValue: UInt16 { number.rawValue }
}
