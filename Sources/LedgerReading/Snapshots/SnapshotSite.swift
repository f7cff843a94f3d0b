// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// A line of code, and what the ledger knows of it.
package struct SnapshotSite: Codable, Sendable, Equatable {
  /// The line. Control characters in the ledger's text are shown as `\u{1B}`, so that they do not reach a terminal.
  package var site: Site
  /// Resources of this line that were released by deinit, and the bytes that were asked for (`Int.max` if more).
  package var rescuedCount: Int
  package var rescuedByteCount: Int
  /// The seconds of the ledger's clock when the line was first and last seen to create something; 0 if not known.
  package var firstUse: Int
  package var lastUse: Int
}

/// A domain of the ledger.
package struct SnapshotDomain: Codable, Sendable, Equatable {
  /// Its number in the ledger; 0 for "no domain".
  package var number: Int
  /// The number of its kind: ``DomainKind``.
  package var kindNumber: UInt32
  package var name: String
  /// Whether the number is in use. If it is not, another domain may get it, and resources may still carry it.
  package var isInUse: Bool
  /// Lives of resources of this domain that ended.
  package var endedCount: Int
  /// Of these, the lives that a deinit ended.
  package var rescuedCount: Int
  /// An arena: jemalloc's number of it.
  package var arenaNumber: Int?
  /// The domain's own count, when it was last asked; nil if it never was.
  package var census: Census?

  package struct Census: Codable, Sendable, Equatable {
    package var count: Int
    package var byteCount: Int
    /// The second of the ledger's clock when it was taken.
    package var second: Int
  }

  package var kind: DomainKind { DomainKind(rawValue: kindNumber) }
}
