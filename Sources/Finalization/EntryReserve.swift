import ResourceLedger

/// Ledger entries without a resource that one thread keeps, so that creating and releasing a native resource
/// need not go to the list that all threads share.
struct EntryReserve: ~Copyable {
  private static let limit = 64
  private var entries = InlineArray<64, LedgerEntry?>(repeating: nil)
  private var count = 0

  /// An entry for a resource of a domain.
  @inline(__always)
  mutating func take(_ classification: LedgerEntry.Classification) throws(LedgerError) -> LedgerEntry {
    guard count > 0 else { return try Ledger.shared.acquireEntry(classification) }
    count -= 1
    guard let entry = entries[count] else { return try Ledger.shared.acquireEntry(classification) }
    entry.beginMembership(classification)
    return entry
  }

  /// Takes an entry whose life has ended.
  @inline(__always)
  mutating func keep(_ entry: LedgerEntry) {
    guard count < Self.limit, entry.word.generation < EntryWord.lastGeneration else {
      Ledger.shared.releaseEntry(entry)
      return
    }
    entries[count] = entry
    count += 1
  }

  mutating func giveBackAll() {
    while count > 0 {
      count -= 1
      if let entry = entries[count] { Ledger.shared.releaseEntry(entry) }
    }
  }
}
