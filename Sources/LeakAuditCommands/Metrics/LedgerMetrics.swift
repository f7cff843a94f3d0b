// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// The metrics of ledgers. The article Forms-Of-Reports.md lists them for users.
struct LedgerMetrics {
  private var info = MetricFamily("native_buffers_process", .info, help: "A process that has a ledger.")
  private var memory = MetricFamily(
    "native_buffers_memory", unit: "bytes",
    help: "Memory of resources: live as asked for, idle and quarantined as size classes.")
  private var resources = MetricFamily("native_buffers_resources", help: "Resources, by what they are used for.")
  private var created = MetricFamily("native_buffers_created", .counter, help: "Resources that were created.")
  private var released = MetricFamily(
    "native_buffers_released", .counter, help: "Resources that were released, by dispose or by deinit (rescued).")
  private var lineBytes = MetricFamily(
    "native_buffers_line_live", unit: "bytes",
    help: "Live bytes of the lines of code that have most, and of all others.")
  private var lineCounts = MetricFamily(
    "native_buffers_line_live_resources", help: "Live resources of these lines of code.")
  private var findings = MetricFamily("native_buffers_findings", help: "Resources in findings, by kind.")
  private var findingBytes = MetricFamily(
    "native_buffers_findings", unit: "bytes", help: "Bytes of the resources in findings, by kind.")
  private var difference = MetricFamily(
    "native_buffers_books_difference_blocks",
    help: "Blocks that one of an arena's books has and the other does not.")
  private var differenceBytes = MetricFamily(
    "native_buffers_books_difference", unit: "bytes", help: "Bytes of these blocks.")
  private var answerAge = MetricFamily(
    "native_buffers_books_age", unit: "seconds", help: "Time since the process counted its allocator's book.")
  private var resident = MetricFamily(
    "native_buffers_resident_memory", unit: "bytes",
    help: "The parts of the resident set. The values add up to all of it.")
  private var duration = MetricFamily(
    "native_buffers_audit_duration", unit: "seconds", help: "Time that it took to read the ledger and to audit it.")
  private var failures = MetricFamily(
    "native_buffers_unreadable_ledgers", help: "Processes whose ledgers could not be read.")

  /// How many lines of code of a process have metrics of their own.
  private let lineLimit: Int

  init(lineLimit: Int) { self.lineLimit = lineLimit }

  var families: [MetricFamily] {
    [
      info, memory, resources, created, released, lineBytes, lineCounts, findings, findingBytes, difference,
      differenceBytes, answerAge, resident, duration, failures,
    ]
  }

  mutating func addFailures(_ count: Int) { failures.add(.integer(count), []) }

  mutating func add(_ ledger: AuditedLedger) {
    let (snapshot, report) = (ledger.snapshot, ledger.report)
    let process = Self.processLabels(snapshot)
    info.add(
      .integer(1),
      process + [.init(name: "host", value: snapshot.process?.host ?? "")])
    addResources(snapshot, process)
    addLines(report, process)
    for judged in report.findings {
      let labels =
        process + [
          .init(name: "kind", value: judged.finding.kind.rawValue), .init(name: "counts", value: "\(judged.counts)"),
        ]
      findings.add(.integer(judged.finding.count), labels)
      findingBytes.add(.integer(judged.finding.byteCount), labels)
    }
    for arena in report.arenas {
      let labels = process + [.init(name: "arena", value: arena.name)]
      difference.add(.integer(arena.difference), labels)
      differenceBytes.add(.integer(arena.differenceByteCount), labels)
    }
    if let age = report.answerAge { answerAge.add(.seconds(age), process) }
    for row in report.memory?.rows ?? [] {
      resident.add(.integer(row.resident), process + [.init(name: "part", value: row.term.metricLabel)])
    }
    if let time = ledger.duration { duration.add(.seconds(time), process) }
  }

  private static func processLabels(_ snapshot: LedgerSnapshot) -> [MetricFamily.Label] {
    [
      .init(name: "pid", value: (snapshot.seenProcessID ?? snapshot.process?.id).map { "\($0)" } ?? ""),
      .init(name: "command", value: snapshot.process?.command ?? ""),
    ]
  }

  private mutating func addResources(_ snapshot: LedgerSnapshot, _ process: [MetricFamily.Label]) {
    let domains = snapshot.domains.map { domain in
      process + [.init(name: "domain", value: domain.name), .init(name: "kind", value: domain.kind.label)]
    }
    var liveCounts = [Int](repeating: 0, count: domains.count)
    for row in snapshot.sums {
      let labels = domains[row.domain] + [.init(name: "use", value: row.use.description)]
      resources.add(.integer(row.count), labels)
      memory.add(.integer(row.use.isHeld ? row.byteCount : row.capacity), labels)
      if row.use.isHeld { liveCounts[row.domain] = .clampedSum(liveCounts[row.domain], row.count) }
    }
    for (index, domain) in snapshot.domains.enumerated() where domain.endedCount > 0 || liveCounts[index] > 0 {
      created.add(.integer(.clampedSum(liveCounts[index], domain.endedCount)), domains[index])
      let rescued = min(domain.rescuedCount, domain.endedCount)
      released.add(
        .integer(domain.endedCount - rescued), domains[index] + [.init(name: "by", value: "dispose")])
      released.add(.integer(rescued), domains[index] + [.init(name: "by", value: "deinit")])
    }
  }

  private mutating func addLines(_ report: LedgerReport, _ process: [MetricFamily.Label]) {
    for (index, line) in report.lines.enumerated() {
      let isNamed = index < lineLimit
      let labels =
        process + [
          .init(name: "line", value: isNamed ? line.site.place : "others"),
          .init(name: "function", value: isNamed ? line.site.function : ""),
        ]
      lineBytes.add(.integer(line.byteCount), labels)
      lineCounts.add(.integer(line.count), labels)
    }
  }
}

extension ResidentSum.Term {
  /// "free_places".
  fileprivate var metricLabel: String {
    rawValue.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
  }
}
