import Synchronization

/// A list of entries that any thread pushes to and pops from without a lock (Treiber's stack), linked
/// through the entries themselves.
///
/// The head holds the top entry's index plus one in its low 28 bits and a count of pops in the high 36:
/// a thread that slept between reading the head and exchanging it would have to miss exactly 2^36 pops
/// to be fooled. A popped entry may still be read by a thread that will then fail its exchange, which is
/// sound because entries stay mapped.
package struct EntryStack: ~Copyable {
  let head = Atomic<UInt64>(0)

  private static let indexMask: UInt64 = (1 << 28) - 1
  private static let popUnit: UInt64 = 1 << 28

  package init() {}

  package func push(_ entry: LedgerEntry, in ledger: Ledger) {
    push(from: entry, through: entry, in: ledger)
  }

  /// Pushes a chain that is already linked from `first` to `last`.
  package func push(from first: LedgerEntry, through last: LedgerEntry, in ledger: Ledger) {
    let index = UInt64(ledger.index(of: first)) + 1
    var expected = head.load(ordering: .relaxed)
    while true {
      last.link = UInt32(truncatingIfNeeded: expected & Self.indexMask)
      let desired = expected & ~Self.indexMask | index
      let (exchanged, original) = head.weakCompareExchange(
        expected: expected, desired: desired, successOrdering: .releasing, failureOrdering: .relaxed)
      if exchanged { return }
      expected = original
    }
  }

  package func pop(in ledger: Ledger) -> LedgerEntry? {
    var expected = head.load(ordering: .acquiring)
    while true {
      let index = expected & Self.indexMask
      if index == 0 { return nil }
      let entry = ledger.entry(at: Int(index) - 1)
      let desired = (expected & ~Self.indexMask) &+ Self.popUnit | UInt64(entry.link)
      let (exchanged, original) = head.weakCompareExchange(
        expected: expected, desired: desired, successOrdering: .acquiring, failureOrdering: .acquiring)
      if exchanged { return entry }
      expected = original
    }
  }

  package var isEmpty: Bool { head.load(ordering: .relaxed) & Self.indexMask == 0 }
}
