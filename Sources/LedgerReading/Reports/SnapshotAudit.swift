// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// An audit from outside: what a snapshot says about faults and leaks, without help of the process.
///
/// - Orphans and ghosts come from the process's last answer, which has both books of one instant. Without an answer
///   there are none, and ``arenas`` is empty.
/// - A live resource is no finding, because another process cannot know how long it is needed. If the process ended
///   regularly, what is still live is `held`. If it ended otherwise, or began another program by `exec`, it is `live`,
///   which says nothing about a leak. If an age is asked for, what is surely that old is `old`. What a cache holds, and
///   what is meant to live as long as the process, is in none of the three.
/// - The censuses of domains that are no arenas are not compared: they are of another moment than the entries.
package struct SnapshotAudit: Codable, Sendable {
  package struct Options: Sendable {
    /// From which age on a live resource is `old`, in seconds; nil if age does not matter. The snapshot must be taken
    /// with this age.
    package var leastAge: Int?
    /// For how long a cleanup may run, or be due, in seconds.
    package var stuckAfter = 10
    /// The kinds that make the verdict ``Verdict/faults``.
    package var faults: Set<Finding.Kind> = [.orphan, .ghost, .stuck]
    /// The lines whose resources are looked at. It does not matter for orphans and ghosts, whose lines are not known.
    package var includes: @Sendable (Site) -> Bool = { _ in true }

    package init() {}
  }

  package let verdict: Verdict
  /// Those that count as faults first; among these, most bytes first.
  package let findings: [Finding]
  /// The books of each arena, as the answer has them.
  package let arenas: [ArenaBooks]
  /// How many seconds before the snapshot the answer was made; nil if there is none.
  package let answerAge: Double?
  /// Whether a part of the ledger could not be read or believed, so that a clean verdict is of the rest alone.
  package let isPartial: Bool

  package init(_ snapshot: LedgerSnapshot, _ options: Options = Options()) {
    let arenas = snapshot.arenaBooks
    var findings: [Finding] = []
    for (row, books) in zip(snapshot.answer?.arenas ?? [], arenas) {
      findings += books.findings { books in
        snapshot.sites(ofDomain: row.domain, bucket: SizeClass.index(holding: books.sizeClass))
      }
    }
    switch (snapshot.status, snapshot.isRunning) {
    case (.ended, _): findings += snapshot.liveFindings(.held, options.includes)
    case (.replaced, _):
      findings += snapshot.liveFindings(
        .live, options.includes, reason: "its program was replaced by another one (exec)")
    case (_, false): findings += snapshot.liveFindings(.live, options.includes)
    default: break
    }
    if let age = options.leastAge { findings += snapshot.oldFindings(age, options.includes) }
    findings += snapshot.stuckFindings(after: options.stuckAfter, options.includes)
    findings += [snapshot.rescuedFinding(options.includes), snapshot.unrecordedFinding].compactMap { $0 }
    func order(_ finding: Finding) -> (Int, Int) { (options.faults.contains(finding.kind) ? 0 : 1, -finding.byteCount) }
    findings.sort { order($0) < order($1) }

    self.findings = findings
    self.arenas = arenas
    answerAge = snapshot.answer?.age
    isPartial = !snapshot.damage.isEmpty || snapshot.answer?.isComplete == false
    verdict = Verdict(findings, faults: options.faults)
  }
}

extension LedgerSnapshot {
  /// Both books of each arena of the answer, in its order; empty if there is no answer.
  package var arenaBooks: [ArenaBooks] {
    guard let answer else { return [] }
    return answer.arenas.map { ArenaBooks($0, of: answer, in: self) }
  }
}

extension ArenaBooks {
  /// - Parameter arena: an arena of the answer.
  fileprivate init(_ arena: LedgerAnswer.Arena, of answer: LedgerAnswer, in snapshot: LedgerSnapshot) {
    let domain = snapshot.domains[arena.domain]
    var counts = [Int](repeating: 0, count: SizeClass.count)
    var totals = BucketTotals()
    for row in answer.classes where row.domain == arena.domain {
      guard let sizeClass = snapshot.sizeClass(ofDomain: row.domain, bucket: row.bucket) else { continue }
      let size = Int128(sizeClass)
      // A snapshot may come from a file, and no sum of its numbers may cause a trap.
      func bounded(_ count: Int) -> Int { min(max(0, count), 1 << 40) }
      counts[row.bucket] = bounded(row.allocatorCount)
      var sum = EntryTotals()
      sum.liveCount = bounded(row.liveCount)
      sum.liveByteCount = Int128(max(0, row.liveByteCount))
      sum.liveCapacity = Int128(sum.liveCount) * size
      sum.idleCount = bounded(row.idleCount)
      sum.idleCapacity = Int128(sum.idleCount) * size
      sum.quarantinedCount = bounded(row.quarantinedCount)
      sum.quarantinedCapacity = Int128(sum.quarantinedCount) * size
      sum.detachedCount = bounded(row.detachedCount)
      sum.detachedCapacity = Int128(sum.detachedCount) * size
      totals[row.bucket] = sum
    }
    self.init(
      name: domain.name, index: arena.number,
      counts: AllocatorCounts(
        liveCounts: counts, byteCount: arena.allocated, dirty: arena.dirty, muzzy: arena.muzzy, retained: arena.retained
      ),
      totals: totals, pastLives: min(max(0, domain.endedCount), 1 << 60),
      rescued: min(max(0, domain.rescuedCount), 1 << 60))
  }
}

// MARK: Findings of a snapshot

extension LedgerSnapshot {
  /// What has surely been live for so many seconds, apart from what is kept on purpose.
  ///
  /// A snapshot that was taken without this age does not say how many resources of a row have reached it. But it says
  /// how old the oldest one is, so a row with an old resource is never left out: all of it is counted then.
  fileprivate func oldFindings(_ age: Int, _ includes: (Site) -> Bool) -> [Finding] {
    let band = firstBand(surelyOfAge: age) ?? ageBoundaries.count + 1
    func isWhollyOld(_ sum: SnapshotSum) -> Bool { sum.ageBand >= band }
    func hasOld(_ sum: SnapshotSum) -> Bool {
      guard let oldest = oldestAge(of: sum) else { return false }
      let (surely, overflow) = oldest.subtractingReportingOverflow(clock.longestGap)
      return !overflow && surely >= age
    }
    var reason = "live for \(Age.text(seconds: age)) or longer"
    if sums.contains(where: { Self.isLive($0) && includes(sites[$0.site].site) && !isWhollyOld($0) && hasOld($0) }) {
      reason += "; of some lines only the oldest is known to be, because the snapshot was taken without this age"
    }
    return liveFindings(.old, includes, where: { isWhollyOld($0) || hasOld($0) }, reason: reason)
  }

  /// Whether the resources of a row are live, and not kept on purpose.
  private static func isLive(_ sum: SnapshotSum) -> Bool {
    (sum.use == .live || sum.use == .releasing) && sum.keeper == .none
  }

  /// What is live, apart from what is kept on purpose: buffers, and then the resources of each other domain.
  fileprivate func liveFindings(
    _ kind: Finding.Kind, _ includes: (Site) -> Bool, where isAskedFor: (SnapshotSum) -> Bool = { _ in true },
    reason: String? = nil
  ) -> [Finding] {
    var sums = SumsByFinding()
    for sum in self.sums {
      guard Self.isLive(sum), isAskedFor(sum), includes(sites[sum.site].site) else { continue }
      // Adopted memory has no size class: a capacity of 0 says that not all resources are of one class.
      sums[sum.domain, domains[sum.domain].kind].add(
        sum.count, byteCount: Int128(sum.byteCount), capacity: sizeClass(ofDomain: sum.domain, bucket: sum.bucket) ?? 0,
        oldestAge: oldestAge(of: sum), at: number(of: sum.site))
    }
    return sums.findings { domain, sums in finding(kind, sums, domain: domain, reason: reason) }
  }

  /// The lines that created what the ledger has in a size class of an arena.
  fileprivate func sites(ofDomain domain: Int, bucket: Int) -> [SiteTotals] {
    var totals = SiteSums()
    for sum in sums where sum.domain == domain && sum.bucket == bucket {
      totals.add(
        sum.count, byteCount: Int128(sum.byteCount), oldestAge: oldestAge(of: sum), at: number(of: sum.site))
    }
    return totals.sorted(naming: site)
  }

  fileprivate func stuckFindings(after limit: Int, _ includes: (Site) -> Bool) -> [Finding] {
    var running: [Int: (sums: SiteSums, longest: Double)] = [:]
    for cleanup in runningCleanups where cleanup.age >= Double(limit) && includes(sites[cleanup.site].site) {
      var (sums, longest) = running[cleanup.domain] ?? (SiteSums(), 0)
      sums.add(byteCount: 0, at: number(of: cleanup.site))
      longest = max(longest, cleanup.age)
      running[cleanup.domain] = (sums, longest)
    }
    return running.sorted { $0.key < $1.key }.compactMap { domain, running in
      finding(.stuck, running.sums, domain: domain, age: running.longest)
    }
  }

  fileprivate func rescuedFinding(_ includes: (Site) -> Bool) -> Finding? {
    var rescued = SiteSums()
    for (position, site) in sites.enumerated() where site.rescuedCount > 0 && includes(site.site) {
      rescued.add(site.rescuedCount, byteCount: Int128(site.rescuedByteCount), at: number(of: position))
    }
    return finding(.rescued, rescued)
  }

  fileprivate var unrecordedFinding: Finding? {
    guard unrecordedCount > 0 else { return nil }
    return Finding(kind: .unrecorded, count: unrecordedCount, byteCount: 0)
  }

  private func finding(
    _ kind: Finding.Kind, _ sums: SiteSums, domain: Int? = nil, reason: String? = nil, age: Double? = nil
  ) -> Finding? {
    guard sums.count > 0 else { return nil }
    return Finding(
      kind: kind, count: sums.count, byteCount: sums.byteCount,
      sizeClass: domain == nil ? sums.sizeClass.flatMap { $0 > 0 ? $0 : nil } : nil,
      domain: domain.map { domains[$0].name }, domainKind: domain.map { domains[$0].kind.label }, reason: reason,
      age: age, sites: sums.sorted(naming: site))
  }

  /// The position of a line, as a number of a line.
  private func number(of position: Int) -> SiteID { SiteID(rawValue: UInt32(truncatingIfNeeded: position)) }

  private func site(_ id: SiteID) -> Site {
    let position = Int(id.rawValue)
    return position < sites.count ? sites[position].site : .unknown
  }
}
