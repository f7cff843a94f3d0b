// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// A list of entries that belong to one owner, linked through the entries themselves.
// SAFETY: the ledger's records are never freed; the entries belong only to the owner.
@safe struct EntryChain: ~Copyable {
  private let records = unsafe Ledger.shared.firstRecord
  /// The link to the first entry; 0 for none.
  private var head: UInt32 = 0
  private(set) var count = 0
  /// Bytes of the entries' blocks.
  private(set) var byteCount = 0

  var isEmpty: Bool { head == 0 }

  mutating func push(_ entry: LedgerEntry, capacity: Int) {
    entry.link = head
    head = unsafe entry.linkToSelf(records: records)
    count += 1
    byteCount += capacity
  }

  mutating func pop() -> LedgerEntry? {
    guard head != 0 else { return nil }
    let entry = unsafe LedgerEntry(link: head, records: records)
    head = entry.link
    count -= 1
    byteCount -= entry.capacity
    return entry
  }
}

// How a pass finds idle blocks that were not used since the last pass, at no cost for the threads that use blocks: it
// leaves a mark on each idle entry, made from the entry's generation. If an entry is idle and has the mark of its
// present generation, it was idle all the time since it was marked.
extension LedgerEntry {
  /// Marks an idle entry.
  /// - Returns: whether it had this mark already.
  func markIdle(_ word: EntryWord) -> Bool {
    // Never 0, because a new entry has 0.
    let mark = UInt32(truncatingIfNeeded: word.generation << 1) | 1
    if idleMark == mark { return true }
    idleMark = mark
    return false
  }

  /// Follows a list of idle blocks from this entry on, marks each entry, and counts those that were marked before.
  /// The list may change meanwhile, so this may miss entries or see some of another list. The result is a good guess.
  /// Reading entries is always safe.
  static func countUnused(
    from first: UInt32, records: UnsafeMutablePointer<EntryRecord>, classification: Classification,
    alignmentLog2: UInt32?, atMost limit: Int
  ) -> Int {
    var link = first
    var steps = 0
    var unused = 0
    while link != 0, steps < limit {
      let entry = unsafe LedgerEntry(link: link, records: records)
      let word = entry.word
      guard word.state == .idle, entry.classification == classification,
        alignmentLog2 == nil || entry.alignmentLog2 == alignmentLog2
      else { break }
      if entry.markIdle(word) { unused += 1 }
      link = entry.link
      steps += 1
    }
    return unused
  }
}
