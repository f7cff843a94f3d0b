// SPDX-License-Identifier: Apache-2.0

public import LedgerReading
import ResourceLedger

extension LeakAuditor {
  /// Counts what is live now, by arena, by domain and by the line of code that created it.
  ///
  ///     let usage = LeakAuditor.usage()
  ///     print(usage)
  ///     for site in usage.sites(top: 5) { print(site) }
  ///
  /// It asks neither jemalloc nor any census, and takes no lock: threads create and dispose meanwhile. A resource that
  /// lives during the whole call is counted once; one that begins or ends meanwhile may be counted or not.
  /// - Returns: a report without lines if nothing was created yet.
  /// - Complexity: 64 bytes read per ledger entry: some milliseconds for a million of them, and some microseconds for
  ///   each line.
  public static func usage() -> LiveUsage {
    // Without a ledger, no resource was ever created.
    guard (try? Ledger.makeShared()) != nil else { return .none }
    return LiveUsage(of: .shared)
  }
}

extension LiveUsage {
  /// Reads every entry once.
  init(of ledger: Ledger) {
    var sums = EntrySums()
    ledger.forEachLiveRun { sums.add($0) }
    self.init(sums, of: ledger)
  }

  /// Names the lines and domains of some sums.
  init(_ sums: EntrySums, of ledger: Ledger) {
    ledger.refreshClock()
    let now = ledger.second
    func age(_ birth: EarliestBirth) -> Int? { birth.second == 0 ? nil : Int(now) - Int(min(now, birth.second)) }

    var domains: [DomainNumber: (count: Int, byteCount: Int, birth: EarliestBirth)] = [:]
    var lines: [Line] = []
    for sum in sums.sums {
      let number = DomainNumber(rawValue: sum.key.domain)
      let site = ledger.site(SiteID(rawValue: sum.key.site))
      let (count, byteCount) = (Int(sum.count), Int(clamping: sum.byteCount))
      lines.append(
        Line(
          site: SiteTotals(
            file: site.file, line: site.line, function: site.function, count: count, byteCount: byteCount,
            oldestAge: age(sum.earliestBirth)),
          domain: ledger.domainName(number), domainKind: ledger.domainKind(number).label))
      var total = domains[number] ?? (0, 0, EarliestBirth())
      total.count += count
      total.byteCount = .clampedSum([total.byteCount, byteCount])
      total.birth.include(sum.earliestBirth.second)
      domains[number] = total
    }
    lines.sort {
      ($1.site.byteCount, $1.site.count, $0.site.file, $0.site.line, $0.domain)
        < ($0.site.byteCount, $0.site.count, $1.site.file, $1.site.line, $1.domain)
    }
    let counted = domains.filter { ledger.domainKind($0.key) != .finalizationRegistry }.values
    self.init(
      count: counted.reduce(0) { $0 + $1.count }, byteCount: .clampedSum(counted.map(\.byteCount)),
      domains: domains.map { number, total in
        Domain(
          name: ledger.domainName(number), kind: ledger.domainKind(number).label, count: total.count,
          byteCount: total.byteCount, oldestAge: age(total.birth))
      }.sorted { ($1.byteCount, $1.count, $0.name) < ($0.byteCount, $0.count, $1.name) },
      lines: lines)
  }
}

extension EntrySums {
  /// Adds the live entries of a run, by line and domain.
  mutating func add(_ run: LiveRuns.Run) {
    add(
      Key(domain: run.domain.rawValue, use: .live, bucket: 0, site: run.site.rawValue, keeper: .none, ageBand: 0),
      count: run.count, byteCount: run.byteCount, capacity: 0, birth: run.earliestBirth.second)
  }
}
