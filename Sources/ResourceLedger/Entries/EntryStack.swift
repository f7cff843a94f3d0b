// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A list of entries that any thread pushes to and pops from without a lock (Treiber's stack), linked
/// through the entries themselves.
///
/// The head holds the top entry's index plus one in its low 28 bits and a count of pops in the high 36. If a thread
/// sleeps between reading the head and exchanging it, the exchange could be wrong only after exactly 2^36 pops. A
/// thread may still read an entry that was popped meanwhile; its exchange then fails. That is sound because entries
/// stay mapped.
@usableFromInline
package struct EntryStack: ~Copyable, Sendable {
  @usableFromInline let head = Atomic<UInt64>(0)

  @inlinable static var indexMask: UInt64 { (1 << 28) - 1 }
  @inlinable static var popUnit: UInt64 { 1 << 28 }

  @inlinable package init() {}

  /// The link to the entry on top; 0 for none. Another thread may pop it at any time.
  package var top: UInt32 { UInt32(truncatingIfNeeded: head.load(ordering: .sequentiallyConsistent) & Self.indexMask) }

  /// - Parameter records: the ledger's record of index 0.
  @inlinable
  package func push(_ entry: LedgerEntry, records: UnsafeMutablePointer<EntryRecord>) {
    unsafe push(from: entry, to: entry, records: records)
  }

  /// Pushes a chain of entries that are linked from the first to the last, by one exchange.
  @inlinable
  package func push(
    from first: LedgerEntry, to last: LedgerEntry, records: UnsafeMutablePointer<EntryRecord>
  ) {
    let link = unsafe UInt64(first.linkToSelf(records: records))
    var expected = head.load(ordering: .relaxed)
    while true {
      last.link = UInt32(truncatingIfNeeded: expected & Self.indexMask)
      let desired = expected & ~Self.indexMask | link
      // Sequentially consistent, because Depot.push looks at another word afterwards.
      let (exchanged, original) = head.weakCompareExchange(
        expected: expected, desired: desired, successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed)
      if exchanged { return }
      expected = original
    }
  }

  /// - Parameter records: the ledger's record of index 0.
  @inlinable
  package func pop(records: UnsafeMutablePointer<EntryRecord>) -> LedgerEntry? {
    var expected = head.load(ordering: .acquiring)
    while true {
      let link = UInt32(truncatingIfNeeded: expected & Self.indexMask)
      if link == 0 { return nil }
      let entry = unsafe LedgerEntry(link: link, records: records)
      let desired = (expected & ~Self.indexMask) &+ Self.popUnit | UInt64(entry.link)
      let (exchanged, original) = head.weakCompareExchange(
        expected: expected, desired: desired, successOrdering: .acquiring, failureOrdering: .acquiring)
      if exchanged { return entry }
      expected = original
    }
  }

  /// Pops up to `limit` (1 or more) entries by one exchange: a chain whose last entry has no link. Other threads may
  /// change the links while this follows them. The exchange then fails, because every pop changes the count in the
  /// head.
  package func pop(
    atMost limit: Int, records: UnsafeMutablePointer<EntryRecord>
  ) -> (first: LedgerEntry, count: Int)? {
    var expected = head.load(ordering: .acquiring)
    while true {
      let link = UInt32(truncatingIfNeeded: expected & Self.indexMask)
      if link == 0 { return nil }
      let first = unsafe LedgerEntry(link: link, records: records)
      var last = first
      var count = 1
      var rest = first.link
      while count < limit, rest != 0 {
        last = unsafe LedgerEntry(link: rest, records: records)
        rest = last.link
        count += 1
      }
      let desired = (expected & ~Self.indexMask) &+ Self.popUnit | UInt64(rest)
      let (exchanged, original) = head.weakCompareExchange(
        expected: expected, desired: desired, successOrdering: .acquiring, failureOrdering: .acquiring)
      if exchanged {
        last.link = 0
        return (first, count)
      }
      expected = original
    }
  }
}
