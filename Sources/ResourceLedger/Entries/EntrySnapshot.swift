import Synchronization

/// One entry's fields, all of the same life.
public struct EntrySnapshot: Sendable {
  public let word: EntryWord
  /// Address of the block, 0 where the resource is no memory.
  public let address: UInt
  /// Bytes asked for.
  public let byteCount: Int
  /// Bytes the domain set aside.
  public let capacity: Int
  public let site: SiteID
  public let domain: DomainNumber
  public let bucket: UInt16
  public let scope: UInt32
}

extension LedgerEntry {
  /// The entry's fields as they were together at one moment, or nil where it is changing hands just now
  /// (then it was no long-lived resource; a caller that must not miss it asks again).
  package func snapshot() -> EntrySnapshot? {
    let before = word
    let classification = classification
    let snapshot = EntrySnapshot(
      word: before, address: address, byteCount: byteCount, capacity: capacity, site: site,
      domain: classification.domain, bucket: classification.bucket, scope: scope)
    atomicMemoryFence(ordering: .acquiring)
    return word.isSameLife(as: before) ? snapshot : nil
  }
}
