// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Entries that one owner holds, linked through themselves.
// SAFETY: the ledger's records are never freed; the entries are the owner's alone.
@safe struct EntryChain: ~Copyable {
  private let records = unsafe Ledger.shared.firstRecord
  /// Index plus one of the first entry; 0 for none.
  private var head: UInt32 = 0
  private(set) var count = 0
  /// Bytes of their blocks.
  private(set) var byteCount = 0

  var isEmpty: Bool { head == 0 }

  mutating func push(_ entry: LedgerEntry, capacity: Int) {
    entry.link = head
    head = UInt32(truncatingIfNeeded: unsafe entry.record - records + 1)
    count += 1
    byteCount += capacity
  }

  mutating func pop() -> LedgerEntry? {
    guard head != 0 else { return nil }
    let entry = unsafe LedgerEntry(record: records + (Int(head) - 1))
    head = entry.link
    count -= 1
    byteCount -= entry.capacity
    return entry
  }
}

// How a pass knows which idle blocks nobody used since the last one, at no cost for those who use them: it
// leaves a mark on each idle entry that names the life the entry had last. An entry that still is idle and
// still bears the mark of its own generation was idle all the time in between.
extension LedgerEntry {
  /// Marks an idle entry.
  /// - Returns: whether it had this mark already.
  func markIdle(_ word: EntryWord) -> Bool {
    // Never 0, which is what a new entry bears.
    let mark = UInt32(truncatingIfNeeded: word.generation << 1) | 1
    if idleMark == mark { return true }
    idleMark = mark
    return false
  }

  /// Walks an idle block's list from this entry on, marks what it finds, and counts what was marked before.
  /// The list may change meanwhile, so the walk may miss entries, or see some of another list: the result is
  /// a good guess, and entries are always safe to read.
  static func countUnused(
    from first: UInt32, records: UnsafeMutablePointer<EntryRecord>, classification: Classification,
    alignmentLog2: UInt32?, atMost limit: Int
  ) -> Int {
    var link = first
    var steps = 0
    var unused = 0
    while link != 0, steps < limit {
      let entry = unsafe LedgerEntry(record: records + (Int(link) - 1))
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
