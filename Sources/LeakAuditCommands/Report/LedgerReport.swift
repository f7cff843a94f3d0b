// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// What is reported about one ledger: as JSON, these fields.
struct LedgerReport: Encodable {
  let title: String
  let process: LedgerProcess?
  let seenProcessID: Int?
  let status: LedgerSnapshot.Status
  /// Whether the process ran when the ledger was read; nil if that is not known.
  let isRunning: Bool?
  /// Whether it runs now, which is another time for a snapshot in a file; nil if that is not known.
  let stillRuns: Bool?
  /// Whether this is the report of a snapshot in a file.
  let isOfSnapshot: Bool
  /// When the ledger was read: nanoseconds since 1970.
  let takenAt: UInt64
  let verdict: Verdict
  let findings: [JudgedFinding]
  /// What rules of suppression files left out of the findings.
  let suppressed: [Suppressions.Covered]
  let live: Amount
  /// Of `live`, what a cache holds (without the cache's own registrations), and what is meant to live as long as the
  /// process. Neither is in a finding.
  let heldByCache: Amount
  let processLifetime: Amount
  let idleBytes: Int
  /// Whether the process had created a buffer by then.
  let hasHadBuffer: Bool
  /// What is live by line of code, most bytes first.
  let lines: [Line]
  /// The options that leave lines out of `lines`.
  let leftOutBy: [String]
  /// How many lines have something live, whether they are among `lines` or not.
  let liveLineCount: Int
  /// Of live bytes, within the last minute before the ledger was read; nil if there is no history of at least ten
  /// seconds.
  let growth: RecentGrowth?
  let peaks: [ReportedPeak]
  /// Where the memory of the process is; nil if it was not read, or its memory may not be looked at.
  let memory: ResidentSum?
  /// Why ``memory`` is nil although a process was read.
  let memoryError: String?
  /// The domains that are no arenas, which were not compared.
  let domains: [UncomparedDomain]
  /// Both books of each arena, as the process counted them last; empty if it was never asked.
  let arenas: [ArenaBooks]
  /// How many seconds before the ledger was read that was; nil if the process was never asked.
  let answerAge: Double?
  /// Whether every arena and size class had room in that answer.
  let answerIsComplete: Bool
  /// The seconds by which an age may be too large, at most.
  let ageUncertainty: Int
  /// What could not be read.
  let damage: [LedgerDamage]
  let tornCount: Int
  /// In one word: clean (no findings), notes (no finding counts), or faults (at least one counts). If nothing counts,
  /// and only the file of a process's ledger was read while the process ran, then it was not judged.
  enum Verdict: String, Encodable {
    case clean, notes, faults, notJudged
  }

  struct Amount: Encodable, Equatable {
    let count: Int
    let byteCount: Int

    init(_ totals: (count: Int, byteCount: Int)) { (count, byteCount) = totals }
  }

  struct Line: Encodable {
    let site: Site
    let count: Int
    let byteCount: Int
    /// Of `count`, those that a cache holds, or that are meant to live as long as the process.
    let keptCount: Int
    /// The age of the line's oldest resource, in words: "3 min 12 s", or "over 1 min" if `oldestAge` is not known.
    let oldest: String
    /// The same in seconds.
    let oldestAge: Int?
  }

  struct JudgedFinding: Encodable {
    /// With the lines of code that are shown. Its count and its bytes are those of all lines.
    let finding: Finding
    /// How many lines of code --site leaves out.
    let leftOutLineCount: Int
    /// Whether it makes the exit code 1.
    let counts: Bool
    let explanation: String
    let next: String

    init(_ judged: FindingFilter.Judged, shows: (Site) -> Bool) {
      let whole = judged.finding
      finding = whole.showing(shows)
      leftOutLineCount = whole.sites.count - finding.sites.count
      counts = judged.counts
      explanation = whole.explanationForProcess
      next = whole.advice
    }
  }

  /// Whether a part of the ledger could not be read or believed.
  let isPartial: Bool

  /// - Parameters:
  ///   - isKept: whether the snapshot was in a file.
  ///   - memory: where the memory of the process is; nil for a process that does not run.
  ///   - faults: the kinds that are faults in this report.
  ///   - filter: says which findings are shown, and which of them count.
  ///   - shows: which lines of code are shown.
  init(
    _ snapshot: LedgerSnapshot, isKept: Bool = false, memory: Result<ResidentSum, CommandFailure>? = nil,
    leastAge: Int?, faults: Set<Finding.Kind>, filter: inout FindingFilter, shows: (Site) -> Bool
  ) {
    var options = SnapshotAudit.Options()
    options.leastAge = leastAge
    options.faults = faults
    let audit = SnapshotAudit(snapshot, options)
    let (findings, suppressed) = filter.judge(audit.findings, isFault: faults.contains)
    stillRuns = isKept ? snapshot.stillRuns : snapshot.isRunning
    isOfSnapshot = isKept
    title = snapshot.title(isKept: isKept) + Self.titleEnd(snapshot, isKept: isKept, stillRuns: stillRuns)
    process = snapshot.process
    seenProcessID = snapshot.seenProcessID
    status = snapshot.status
    isRunning = snapshot.isRunning
    takenAt = snapshot.takenAt
    verdict =
      findings.contains(where: \.counts)
      ? .faults : snapshot.isOfFileOfRunningProcess ? .notJudged : findings.isEmpty ? .clean : .notes
    self.findings = findings.map { JudgedFinding($0, shows: shows) }
    self.suppressed = suppressed
    live = Amount(snapshot.liveTotals)
    heldByCache = Amount(snapshot.keptTotals(by: .cache))
    processLifetime = Amount(snapshot.keptTotals(by: .process))
    idleBytes = snapshot.idleByteCount
    hasHadBuffer = snapshot.hasHadBuffer
    let liveLines = snapshot.liveLines
    liveLineCount = liveLines.count
    let least = filter.minimumByteCount
    leftOutBy =
      (liveLines.contains { !shows($0.site) } ? ["--site"] : [])
      + (liveLines.contains { $0.byteCount < least } ? ["--min-bytes"] : [])
    lines = liveLines.filter { shows($0.site) && $0.byteCount >= least }.map { line in
      Line(
        site: line.site, count: line.count, byteCount: line.byteCount, keptCount: line.keptCount,
        oldest: snapshot.oldestText(line), oldestAge: line.oldestAge)
    }
    growth = snapshot.growth
    peaks = snapshot.peaks.map { ReportedPeak($0, in: snapshot, shows: shows) }.worthTelling()
    self.memory = try? memory?.get()
    memoryError = memory?.failure
    domains = snapshot.uncomparedDomains
    arenas = audit.arenas
    answerAge = audit.answerAge
    answerIsComplete = snapshot.answer?.isComplete ?? true
    ageUncertainty = snapshot.clock.longestGap
    isPartial = audit.isPartial
    damage = snapshot.damage
    tornCount = snapshot.tornCount
  }

  /// 1 if a finding counts; otherwise 2 if a part of the ledger could not be read.
  var exit: CommandExit {
    if verdict == .faults { return .findings }
    return isPartial ? .notAudited : .clean
  }
}

extension Result where Failure == CommandFailure {
  fileprivate var failure: String? {
    if case .failure(let failure) = self { failure.description } else { nil }
  }
}
