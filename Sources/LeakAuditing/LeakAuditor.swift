// SPDX-License-Identifier: Apache-2.0

public import LedgerReading
import NativeBuffers
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
/// ``audit(stuckAfter:expecting:)`` compares the two books of the whole process. A scope asks another question: which
/// of the resources that a piece of code created are still live at its end? ``usage()`` says which lines hold memory
/// now, and ``auditAtExit(expecting:endingWith:_:)`` audits when the process exits.
public enum LeakAuditor {
  /// Audits every arena of this process, and every domain of `ResourceDomains`.
  ///
  /// The comparison is exact whatever other threads do. Memory behind ledger entries is allocated and given back only
  /// under its arena's lock, which the audit holds meanwhile. Other threads can still create and dispose buffers, if
  /// the block cache serves them. A live buffer is no finding here unless you expect that there is none; `scope(_:_:)`
  /// finds those that a piece of code left.
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
  ///
  /// The report also says what is live, by line, whether that is a leak or not: see `AuditReport/liveSites(top:)`.
  /// - Parameters:
  ///   - limit: how long a cleanup may run before it is a finding.
  ///   - expectation: whether live resources are findings.
  /// - Throws: `ArenaError` if jemalloc's statistics cannot be read; `LedgerError` if there is no room for a ledger.
  /// - Complexity: reads 64 bytes per ledger entry (twice if nothing is expected to be live), takes 30 to 90 µs per
  ///   arena, and calls two censuses per domain. If the books of a domain differ, or are in use, it reads the
  ///   ledger up to seven times more, and once more for each registry that differs.
  public static func audit(
    stuckAfter limit: Duration = .seconds(10), expecting expectation: Expectation = .anything
  ) throws -> AuditReport {
    Arena.flushThreadCache()
    try Ledger.makeShared()
    let ledger = Ledger.shared
    // A census runs code of a client, and a registry's census takes locks: so none is called under the arenas' locks.
    let domains = DomainComparison(ledger)
    let allocatedByGlibc = ProcessMalloc.allocatedByGlibc
    let arenas = try ArenaComparison(ledger, andRead: domains.ids, allocatedByGlibc: allocatedByGlibc)
    let domainBooks = domains.finish(with: arenas.domainTotals)
    var findings = arenas.findings + domainBooks.findings
    findings += StuckCleanups.findings(
      among: domains.listings, totals: arenas.domainTotals, limit: limit, in: ledger)
    if expectation.isNothingLive { findings += HeldResources(in: ledger) { _ in true }.findings }
    findings.sort { ($0.kind.isFault ? 0 : 1, $1.byteCount) < ($1.kind.isFault ? 0 : 1, $0.byteCount) }
    if let rescues = rescues(in: ledger) { findings.append(rescues) }
    if let unrecorded = unrecorded(in: ledger) { findings.append(unrecorded) }
    return AuditReport(
      verdict: Verdict(findings), findings: findings, arenas: arenas.books, domains: domainBooks.books,
      adopted: arenas.adopted, outside: arenas.outside, live: LiveUsage(arenas.live, of: ledger))
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
}
