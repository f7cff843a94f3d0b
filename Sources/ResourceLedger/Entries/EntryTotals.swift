// SPDX-License-Identifier: Apache-2.0

/// The sums of a set of entries. Bytes are exact: 2^28 entries of up to 2^48 bytes are more than an `Int` holds.
package struct EntryTotals: Equatable, Sendable {
  /// Entries that a handle owns, without the detached ones.
  package var liveCount = 0
  /// Bytes that were asked for, of the live entries.
  package var liveByteCount: Int128 = 0
  /// Bytes that the domain set aside, of the live entries.
  package var liveCapacity: Int128 = 0
  /// Entries kept for reuse.
  package var idleCount = 0
  package var idleCapacity: Int128 = 0
  /// Entries that were released and are held back on purpose.
  package var quarantinedCount = 0
  package var quarantinedCapacity: Int128 = 0
  /// Detached entries: the pointer was handed out and will not come back.
  package var detachedCount = 0
  package var detachedCapacity: Int128 = 0

  /// Live entries whose release was requested and has not ended: a pin delays it, or it is under way.
  package var releasingCount = 0

  /// Lives that ended, counted over the entries that still belong to the domain.
  package var endedLives = 0

  package init() {}

  /// Entries that have a resource.
  package var count: Int { liveCount + idleCount + quarantinedCount + detachedCount }
  /// Bytes set aside for them.
  package var capacity: Int128 { liveCapacity + idleCapacity + quarantinedCapacity + detachedCapacity }
  /// Bytes as a domain's census counts them: those asked for if a handle owns the entry, otherwise those set aside.
  package var byteCount: Int128 { liveByteCount + idleCapacity + quarantinedCapacity + detachedCapacity }

  package static func += (a: inout EntryTotals, b: EntryTotals) {
    a.liveCount += b.liveCount
    a.liveByteCount += b.liveByteCount
    a.liveCapacity += b.liveCapacity
    a.idleCount += b.idleCount
    a.idleCapacity += b.idleCapacity
    a.quarantinedCount += b.quarantinedCount
    a.quarantinedCapacity += b.quarantinedCapacity
    a.detachedCount += b.detachedCount
    a.detachedCapacity += b.detachedCapacity
    a.releasingCount += b.releasingCount
    a.endedLives &+= b.endedLives
  }

  /// Wraps instead of trapping, because an entry may be read while its owner changes it.
  @inline(__always)
  mutating func add(_ word: EntryWord, of entry: LedgerEntry) {
    let capacity = Int128(entry.capacity)
    endedLives &+= max(0, Int(truncatingIfNeeded: word.generation &- entry.firstGeneration))
    switch word.state {
    case .free: break
    case .idle:
      idleCount &+= 1
      idleCapacity &+= capacity
    case .live where word.isDetached:
      detachedCount &+= 1
      detachedCapacity &+= capacity
    case .live:
      liveCount &+= 1
      liveByteCount &+= Int128(entry.byteCount)
      liveCapacity &+= capacity
      releasingCount &+= word.isReleaseRequested ? 1 : 0
    case .quarantined:
      quarantinedCount &+= 1
      quarantinedCapacity &+= capacity
    }
  }
}
