// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import NativeSynchronization
import ResourceLedger

/// Finds leaks: compares the counts of the allocator, and of every other domain, with the ledger's entries.
///
///     let (count, report) = try LeakAuditor.scope("thumbnails") { try makeThumbnails() }
///     if report.verdict != .clean { print(count, report.findings) }
///
///     let audit = try LeakAuditor.audit()
///     print(audit.text)
///
/// ```text
/// the allocator's counts, by size class ─┐
///                                        ├─► differences ─► findings, with lines ─► verdict
/// the ledger's entries, by size class ───┤
/// the other domains' own counts ─────────┘
/// ```
///
/// ``audit(stuckAfter:)`` compares the two books of the whole process. A scope asks another question: which of the
/// resources that a piece of code created are still live at its end?
public enum LeakAuditor {
  /// Audits every arena of this process, and every domain of ``ResourceDomains``.
  ///
  /// The comparison is exact whatever other threads do. Memory behind ledger entries is allocated and given back only
  /// under its arena's lock, which the audit holds meanwhile. Other threads can still create and dispose buffers, if
  /// the block cache serves them. A live buffer is no finding here; `scope(_:_:)` finds those.
  ///
  /// An arena block that was given to C's `free` is only found once the jemalloc cache of the freeing thread was
  /// flushed. The audit flushes the cache of its own thread. Rescues are counted since the process began.
  ///
  /// A finalization registry is compared exactly, too: if it is in use, its users wait while its entries are read. The
  /// two books of any other domain are read one after the other. If they differ, they are read again over about 30 ms.
  /// A difference that stays while neither book changes is an `orphan` or a `ghost`; a difference between books that
  /// change is `unsettled`. A census that throws is a finding (`uncounted`).
  ///
  /// A cleanup of a registry that has run for longer than `limit` is a finding (`stuck`), with the line that registered
  /// it. Its age is exact to a few milliseconds. If the registry runs many cleanups in a row, the age may include up to
  /// 15 cleanups before it.
  /// - Parameter limit: how long a cleanup may run before it is a finding.
  /// - Throws: `ArenaError` if jemalloc's statistics cannot be read; `LedgerError` if there is no room for a ledger.
  /// - Complexity: reads 64 bytes per ledger entry, takes 30 to 90 µs per arena, and calls two censuses per domain. If
  ///   the books of a domain differ, or are in use, it reads the ledger up to seven times more, and once more for each
  ///   registry that differs.
  public static func audit(stuckAfter limit: Duration = .seconds(10)) throws -> AuditReport {
    Arena.flushThreadCache()
    try Ledger.makeShared()
    let ledger = Ledger.shared
    // A census runs code of a client, and a registry's census takes locks: so none is called under the arenas' locks.
    let domains = DomainComparison(ledger)
    let allocatedByGlibc = ProcessMalloc.allocatedByGlibc
    let comparison = try compareArenas(ledger, andRead: domains.ids, allocatedByGlibc: allocatedByGlibc)
    let domainBooks = domains.finish(with: comparison.domains)
    var findings = comparison.findings + domainBooks.findings
    findings += StuckCleanups.findings(
      among: domains.listings, totals: comparison.domains, limit: limit, in: ledger)
    findings.sort { ($0.kind.isFault ? 0 : 1, $1.byteCount) < ($1.kind.isFault ? 0 : 1, $0.byteCount) }
    if let rescues = rescues(in: ledger) { findings.append(rescues) }
    if let unrecorded = unrecorded(in: ledger) { findings.append(unrecorded) }
    return AuditReport(
      verdict: Verdict(findings), findings: findings, arenas: comparison.arenas, domains: domainBooks.books,
      adopted: comparison.adopted, outside: comparison.outside)
  }

  private struct Comparison {
    var findings: [Finding]
    var arenas: [ArenaBooks]
    /// The totals of the other domains that were asked for.
    var domains: [EntryTotals]
    var adopted: AuditReport.AdoptedTotals
    var outside: AuditReport.OutsideMemory
  }

  private static func compareArenas(
    _ ledger: Ledger, andRead domains: [DomainNumber], allocatedByGlibc: Int?
  ) throws -> Comparison {
    let locked = ArenaDirectory.all
    for arena in locked { arena.lock.lock() }
    defer { for arena in locked.reversed() { arena.lock.unlock() } }
    // An arena may have been destroyed after the list was made and before the arena was locked.
    let arenas = locked.filter { !$0.isDestroyedNow }
    let counts = try Arena.readCounts(of: arenas)
    let process = try Arena.readProcessCounts()
    // One pass for all arenas and domains, because reading a long ledger is most of what an audit costs.
    let adoptedDomains = adoptedDomains(in: ledger)
    var (totals, whole) = ledger.totals(
      of: arenas.map(\.domain.number), bucketCount: SizeClass.count, andWhole: domains + adoptedDomains)
    let adopted = whole.suffix(adoptedDomains.count)
    whole.removeLast(adoptedDomains.count)
    var findings: [Finding] = []
    var books: [ArenaBooks] = []
    for (position, arena) in arenas.enumerated() {
      DetachedBlocks.settle(of: arena, counts: counts[position], totals: &totals[position], in: ledger)
      findings += compare(arena, counts[position], totals[position], in: ledger)
      books.append(ArenaBooks(arena, counts[position], totals[position]))
    }
    let outside = AuditReport.OutsideMemory(
      malloc: ProcessMalloc.fileName,
      allocated: ProcessMalloc.owner == .jemalloc
        ? Int(clamping: Int128(process.allocated) - Int128(Int.clampedSum(counts.map(\.byteCount)))) : allocatedByGlibc,
      metadata: process.metadata,
      residentSet: ProcessMemory.residentByteCount)
    return Comparison(
      findings: findings, arenas: books, domains: whole,
      adopted: AuditReport.AdoptedTotals(
        count: adopted.reduce(0) { $0 + $1.liveCount },
        byteCount: Int(clamping: adopted.reduce(0) { $0 + $1.liveByteCount })),
      outside: outside)
  }

  /// The orphans and ghosts of one arena, for each size class.
  private static func compare(
    _ arena: Arena, _ counts: ArenaCounts, _ totals: BucketTotals, in ledger: Ledger
  ) -> [Finding] {
    totals.buckets(with: counts.liveCounts).compactMap { bucket in
      let difference = counts.liveCounts[bucket] - totals[bucket].count
      guard difference != 0 else { return nil }
      let size = SizeClass.byteCount(at: bucket)
      let allAreGone = difference < 0 && counts.liveCounts[bucket] == 0
      return Finding(
        kind: difference > 0 ? .orphan : .ghost, count: abs(difference),
        byteCount: Int(clamping: Int128(abs(difference)) * Int128(size)),
        sizeClass: size, arena: arena.name,
        sites: allAreGone ? sites(of: arena, bucket: bucket, in: ledger) : [])
    }
  }

  private static func sites(of arena: Arena, bucket: Int, in ledger: Ledger) -> [SiteTotals] {
    var sums = SiteSums()
    ledger.forEachResource { _, entry in
      guard entry.domain == arena.domain.number, Int(entry.bucket) == bucket else { return }
      sums.add(entry)
    }
    return sums.sorted(in: ledger)
  }

  private static func rescues(in ledger: Ledger) -> Finding? {
    var sums = SiteSums()
    for number in 0..<ledger.siteCount {
      let site = SiteID(rawValue: UInt32(number))
      let rescues = ledger.rescues(at: site)
      if rescues.count > 0 { sums.add(rescues.count, byteCount: Int128(rescues.byteCount), at: site) }
    }
    return sums.finding(.rescued, in: ledger)
  }

  static func unrecorded(in ledger: Ledger) -> Finding? {
    let count = ledger.unrecordedCount
    guard count > 0 else { return nil }
    return Finding(
      kind: .unrecorded, count: count, byteCount: 0,
      reason: "\((ledger.siteCount - 1).grouped) lines are recorded, the first ones that created or disposed something")
  }

  private static func adoptedDomains(in ledger: Ledger) -> [DomainNumber] {
    (1..<max(1, ledger.domainCount)).map { DomainNumber(rawValue: UInt16($0)) }
      .filter { ledger.domainKind($0) == .adoptedMemory }
  }
}

extension ArenaBooks {
  /// Both books of an arena, read under its lock.
  init(_ arena: Arena, _ counts: ArenaCounts, _ totals: BucketTotals) {
    var sum = EntryTotals()
    for bucket in totals.sums { sum += bucket }
    name = arena.name
    index = Int(arena.index)
    allocatorCount = counts.count
    allocatorByteCount = counts.byteCount
    live = BookTotals(count: sum.liveCount, byteCount: Int(clamping: sum.liveCapacity))
    idle = BookTotals(count: sum.idleCount, byteCount: Int(clamping: sum.idleCapacity))
    quarantined = BookTotals(count: sum.quarantinedCount, byteCount: Int(clamping: sum.quarantinedCapacity))
    detached = BookTotals(count: sum.detachedCount, byteCount: Int(clamping: sum.detachedCapacity))
    sizeClasses = totals.buckets(with: counts.liveCounts).compactMap { bucket in
      let totals = totals[bucket]
      guard counts.liveCounts[bucket] != 0 || totals.count != 0 else { return nil }
      return SizeClassBooks(
        sizeClass: SizeClass.byteCount(at: bucket), allocatorCount: counts.liveCounts[bucket],
        liveCount: totals.liveCount, idleCount: totals.idleCount, quarantinedCount: totals.quarantinedCount,
        detachedCount: totals.detachedCount)
    }
    difference = sizeClasses.reduce(0) { $0 + abs($1.difference) }
    differenceByteCount = Int(
      clamping: sizeClasses.reduce(Int128(0)) { $0 + Int128(abs($1.difference)) * Int128($1.sizeClass) })
    retention = Retention(
      idle: Int(clamping: sum.idleCapacity), dirty: counts.dirty, muzzy: counts.muzzy, retained: counts.retained,
      rounding: Int(clamping: sum.liveCapacity - sum.liveByteCount))
    let ended = sum.endedLives + arena.pastLifeCount
    let rescued = arena.rescueCount
    buffers = BufferTotals(
      created: ended + sum.liveCount + sum.detachedCount, disposed: max(0, ended - rescued), rescued: rescued,
      live: sum.liveCount, detached: sum.detachedCount)
  }
}
