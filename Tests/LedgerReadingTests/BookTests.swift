// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Testing

@testable import LedgerReading

@Suite("Reports: books and the findings about them")
struct BookTests {
  @Test("Books that differ never look equal, even if they have more bytes than an Int holds")
  func saturatedBooks() {
    let greatest = Int128(Int.max)
    for (census, ledger) in [
      (greatest + 1, greatest), (greatest, greatest + 1), (greatest << 8, greatest << 8 + 100), (greatest << 8, 1),
      (greatest * 4, greatest),
    ] {
      let books = DomainBooks(
        name: "saturated", kind: .custom, census: ExactCensus(count: 3, byteCount: census),
        ledger: DomainSum(count: 3, byteCount: ledger), isSettled: true)
      #expect(books.findings.map(\.kind) == [census > ledger ? .orphan : .ghost])
      #expect(books.census?.byteCount != books.ledger.byteCount)
      #expect(books.differenceByteCount == Int(clamping: (census - ledger).magnitude))
    }
    let equal = DomainBooks(
      name: "equal", kind: .custom, census: ExactCensus(count: 3, byteCount: greatest << 8),
      ledger: DomainSum(count: 3, byteCount: greatest << 8), isSettled: true)
    #expect(equal.findings.isEmpty && equal.census == equal.ledger)
  }

  /// An arena's books, from the counts of the allocator and the ledger for some size classes, in bytes.
  private func arena(
    _ classes: [Int: (allocator: Int, live: Int, idle: Int, quarantined: Int, detached: Int)]
  ) -> ArenaBooks {
    var counts = [Int](repeating: 0, count: SizeClass.count)
    var totals = BucketTotals()
    for (sizeClass, row) in classes {
      let bucket = SizeClass.index(holding: sizeClass)
      counts[bucket] = row.allocator
      totals[bucket].liveCount = row.live
      totals[bucket].liveByteCount = Int128(row.live * (sizeClass - 1))
      totals[bucket].liveCapacity = Int128(row.live * sizeClass)
      totals[bucket].idleCount = row.idle
      totals[bucket].idleCapacity = Int128(row.idle * sizeClass)
      totals[bucket].quarantinedCount = row.quarantined
      totals[bucket].quarantinedCapacity = Int128(row.quarantined * sizeClass)
      totals[bucket].detachedCount = row.detached
      totals[bucket].detachedCapacity = Int128(row.detached * sizeClass)
      totals[bucket].endedLives = 2 * row.idle
    }
    return ArenaBooks(
      name: "a", index: 7,
      counts: AllocatorCounts(liveCounts: counts, byteCount: 1, dirty: 2, muzzy: 3, retained: 4), totals: totals,
      pastLives: 10, rescued: 3)
  }

  @Test("The books of an arena agree if the allocator has as many blocks as are live, idle, quarantined and detached")
  func agreement() {
    let books = arena([64: (10, 1, 2, 3, 4), 4_096: (1, 1, 0, 0, 0)])
    #expect(books.difference == 0 && books.differenceByteCount == 0)
    #expect(books.findings { _ in [] }.isEmpty)
    #expect(books.sizeClasses.map(\.sizeClass) == [64, 4_096])
    #expect(books.allocatorCount == 11 && books.live == BookTotals(count: 2, byteCount: 4_160))
    #expect(books.idle == BookTotals(count: 2, byteCount: 128) && books.detached.count == 4)
    #expect(books.quarantined == BookTotals(count: 3, byteCount: 192))
    #expect(books.retention == Retention(idle: 128, dirty: 2, muzzy: 3, retained: 4, rounding: 2))
    #expect(books.buffers == BufferTotals(created: 20, disposed: 11, rescued: 3, live: 2, detached: 4))
  }

  @Test("Orphans and ghosts are found for each size class, and lines are named only if the class has no block left")
  func arenaFindings() {
    let books = arena([64: (3, 1, 1, 0, 0), 128: (1, 1, 1, 1, 0), 256: (0, 2, 0, 0, 0), 512: (0, 0, 0, 0, 0)])
    #expect(books.difference == 1 + 2 + 2 && books.differenceByteCount == 64 + 2 * 128 + 2 * 256)
    let sites = [SiteTotals(file: "f", line: 1, function: "g", count: 2, byteCount: 2)]
    var asked: [Int] = []
    let findings = books.findings { row in
      asked.append(row.sizeClass)
      return sites
    }
    #expect(
      findings == [
        Finding(kind: .orphan, count: 1, byteCount: 64, sizeClass: 64, arena: "a"),
        Finding(kind: .ghost, count: 2, byteCount: 256, sizeClass: 128, arena: "a"),
        Finding(kind: .ghost, count: 2, byteCount: 512, sizeClass: 256, arena: "a", sites: sites),
      ])
    #expect(asked == [256])
  }

  @Test("The lines of a finding are sorted by bytes, then by count, then by file and line")
  func siteOrder() throws {
    let ledger = try Ledger(entryCapacity: 1)
    func site(_ file: StaticString, _ line: UInt) -> SiteID { ledger.intern(file: file, line: line, function: "f()") }
    var sums = SiteSums()
    // The sites get their numbers in an order that differs from the expected one.
    for (file, line, count, byteCount) in [
      ("b.swift", 9, 1, 100), ("a.swift", 2, 1, 100), ("b.swift", 1, 1, 100), ("c.swift", 1, 2, 100),
      ("d.swift", 1, 1, 300), ("e.swift", 1, 5, 200),
    ] as [(StaticString, UInt, Int, Int128)] {
      sums.add(count, byteCount: byteCount, at: site(file, line))
    }
    sums.add(byteCount: 1, at: site("e.swift", 1))
    let sorted = sums.sorted(in: ledger)
    #expect(
      sorted.map { "\($0.file):\($0.line) \($0.count) \($0.byteCount)" } == [
        "d.swift:1 1 300", "e.swift:1 6 201", "c.swift:1 2 100", "a.swift:2 1 100", "b.swift:1 1 100",
        "b.swift:9 1 100",
      ])
    let finding = try #require(sums.finding(.held, in: ledger))
    #expect(finding.count == 12 && finding.byteCount == 901 && finding.sites == sorted)
    #expect(SiteSums().finding(.held, in: ledger) == nil)
  }
}

extension DomainSum {
  init(count: Int, byteCount: Int128 = 0) {
    self.init()
    self.count = count
    self.byteCount = byteCount
  }
}
