// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The fields of one entry, all from the same life.
package struct EntrySnapshot: Sendable {
  package let word: EntryWord
  /// Address of the memory, or of the registry's record of a registration; 0 for other resources.
  package let address: UInt
  /// Bytes that were asked for.
  package let byteCount: Int
  /// Bytes that the domain set aside.
  package let capacity: Int
  package let site: SiteID
  package let domain: DomainNumber
  package let bucket: UInt8
  package let flags: EntryFlags
  package let scope: CreationScope
  /// The second in which the life began, by ``Ledger/second``; 0 if it is not known.
  package let birth: UInt32
}

extension LedgerEntry {
  /// The entry's fields as they were together at one moment; nil if a life of the entry begins or ends meanwhile. Such
  /// a resource is not long-lived; a caller that must not miss it asks again.
  package func snapshot() -> EntrySnapshot? {
    let before = word
    let classification = classification
    let snapshot = EntrySnapshot(
      word: before, address: address, byteCount: byteCount, capacity: capacity, site: site,
      domain: classification.domain, bucket: classification.bucket, flags: classification.flags, scope: scope,
      birth: birth)
    atomicMemoryFence(ordering: .acquiring)
    return word.isSameLife(as: before) ? snapshot : nil
  }
}
