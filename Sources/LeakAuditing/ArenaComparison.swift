// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import NativeBuffers
import NativeSynchronization
import ResourceLedger

/// Compares jemalloc's counts of every arena with the arena's ledger entries, size class by size class.
///
/// The locks of all arenas are held meanwhile, so no memory is set aside or given back. Both books are read in that
/// time, so they are compared exactly, although threads go on to create and dispose buffers from their caches.
struct ArenaComparison {
  /// The two books of each arena.
  let books: [ArenaBooks]
  /// The orphans and ghosts, arena by arena.
  let findings: [Finding]
  /// The totals of the other domains that the caller asked for.
  let domainTotals: [EntryTotals]
  let adopted: AuditReport.AdoptedTotals
  let outside: AuditReport.OutsideMemory
  /// What is live in all domains, by line and domain.
  let live: EntrySums

  /// Compares the books of the arenas that there are now. The caller holds no lock.
  /// - Parameters:
  ///   - domains: other domains, whose totals are read in the same pass over the ledger.
  ///   - allocatedByGlibc: what glibc's `malloc` has allocated, if the process calls it.
  /// - Throws: `ArenaError` if jemalloc's statistics cannot be read.
  init(_ ledger: Ledger, andRead domains: [DomainNumber], allocatedByGlibc: Int?) throws(ArenaError) {
    let locked = ArenaDirectory.all
    for arena in locked { arena.lock.lock() }
    defer { for arena in locked.reversed() { arena.lock.unlock() } }
    // An arena may have been destroyed after the list was made and before the arena was locked.
    let arenas = locked.filter { !$0.isDestroyedNow }
    let counts = try Arena.readCounts(of: arenas)
    let process = try Arena.readProcessCounts()
    // One pass for all arenas and domains, because reading a long ledger is most of what an audit costs.
    let adoptedDomains = Self.adoptedDomains(in: ledger)
    var live = EntrySums()
    var (totals, whole) = ledger.totals(
      of: arenas.map(\.domain.number), bucketCount: SizeClass.count, andWhole: domains + adoptedDomains
    ) { live.add($0) }
    self.live = live
    let adopted = whole.suffix(adoptedDomains.count)
    whole.removeLast(adoptedDomains.count)
    var findings: [Finding] = []
    var books: [ArenaBooks] = []
    for (position, arena) in arenas.enumerated() {
      DetachedBlocks.removeFreed(of: arena, counts: counts[position], totals: &totals[position], in: ledger)
      ledger.recordCensus(
        Census(count: counts[position].count, byteCount: counts[position].byteCount), of: arena.domain)
      let arenaBooks = ArenaBooks(arena, counts[position], totals[position])
      findings += arenaBooks.findings { books in
        Self.sites(of: arena, bucket: SizeClass.index(holding: books.sizeClass), in: ledger)
      }
      books.append(arenaBooks)
    }
    self.books = books
    self.findings = findings
    domainTotals = whole
    self.adopted = AuditReport.AdoptedTotals(
      count: adopted.reduce(0) { $0 + $1.liveCount },
      byteCount: Int(clamping: adopted.reduce(0) { $0 + $1.liveByteCount }))
    outside = AuditReport.OutsideMemory(
      malloc: ProcessMalloc.fileName,
      allocated: ProcessMalloc.owner == .jemalloc
        ? Int(clamping: Int128(process.allocated) - Int128(Int.clampedSum(counts.map(\.byteCount)))) : allocatedByGlibc,
      metadata: process.metadata,
      residentSet: ProcessMemory.residentByteCount)
  }

  private static func sites(of arena: Arena, bucket: Int, in ledger: Ledger) -> [SiteTotals] {
    var sums = SiteSums()
    ledger.forEachResource { _, entry in
      guard entry.domain == arena.domain.number, Int(entry.bucket) == bucket else { return }
      sums.add(entry)
    }
    return sums.sorted(in: ledger)
  }

  private static func adoptedDomains(in ledger: Ledger) -> [DomainNumber] {
    (1..<max(1, ledger.domainCount)).map { DomainNumber(rawValue: UInt16($0)) }
      .filter { ledger.domainKind($0) == .adoptedMemory }
  }
}

extension ArenaBooks {
  /// Both books of an arena, read under its lock.
  init(_ arena: Arena, _ counts: ArenaCounts, _ totals: BucketTotals) {
    self.init(
      name: arena.name, index: Int(arena.index),
      counts: AllocatorCounts(
        liveCounts: counts.liveCounts, byteCount: counts.byteCount, dirty: counts.dirty, muzzy: counts.muzzy,
        retained: counts.retained),
      totals: totals, pastLives: arena.pastLifeCount, rescued: arena.rescueCount)
  }
}
