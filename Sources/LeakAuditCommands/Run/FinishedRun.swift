// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// What `leak-audit run` reports after the command has ended.
struct FinishedRun: Encodable {
  let command: [String]
  let termination: Termination
  /// One for each process that left a ledger, by process id.
  let ledgers: [AuditedLedger]
  /// The same for programs that began another one in the same process, by `exec`.
  let replacedLedgers: [AuditedLedger]
  /// Why ledgers could not be read.
  let failures: [String]
  /// The ids of processes that had not finished making their ledgers.
  let unfinished: [Int]
  /// What is to be said of processes that were not judged, and of the suppression files.
  let remarks: [String]

  /// Audits the ledgers.
  init(
    command: [String], termination: Termination, ledgers: [LedgerFolder.FoundLedger], filter: FindingFilter,
    leastAge: Int?, shows: (Site) -> Bool
  ) {
    var filter = filter
    var audited: [AuditedLedger] = []
    var replaced: [AuditedLedger] = []
    var failures: [String] = []
    var unfinished: [Int] = []
    var remarks: [String] = []
    for ledger in ledgers {
      do throws(CommandFailure) {
        let snapshot = try LedgerTarget.file(ledger.path).snapshot(leastAge: leastAge)
        let report = LedgerReport(
          snapshot, leastAge: leastAge, faults: Self.faults, filter: &filter, shows: shows)
        let isReplaced = ledger.isReplaced || snapshot.status == .replaced
        let row = AuditedLedger(snapshot: snapshot, report: report)
        if isReplaced { replaced.append(row) } else { audited.append(row) }
        if report.verdict == .notJudged { remarks.append(Self.stillRunningText(snapshot, ledger.processID)) }
      } catch {
        guard error.cause?.isOfUnfinishedLedger == true else {
          failures.append("process \(ledger.processID): \(error)")
          continue
        }
        unfinished.append(ledger.processID)
        remarks.append(Self.unfinishedText(ledger.processID))
      }
    }
    self.command = command
    self.termination = termination
    self.ledgers = audited
    replacedLedgers = replaced
    self.failures = failures
    self.unfinished = unfinished
    self.remarks = remarks + filter.suppressions.remarks
  }

  private static func stillRunningText(_ snapshot: LedgerSnapshot, _ id: Int) -> String {
    "\(snapshot.name) was not judged, because it still runs. `leak-audit report \(id)` audits it now. To have it in "
      + "this report, let the command wait for it."
  }

  private static func unfinishedText(_ id: Int) -> String {
    "process \(id) had not finished making its ledger, so it had no buffer, and there is nothing to audit. If it still "
      + "runs, `leak-audit report \(id)` can audit it later."
  }

  /// `held` is one of them: to find what a command leaves at its end is what a run is for.
  private static var faults: Set<Finding.Kind> { Set(Finding.Kind.allCases.filter(\.isFault)) }

  private var allReports: [LedgerReport] { (ledgers + replacedLedgers).map(\.report) }

  /// The command's own code if that is not 0; otherwise what the audit says.
  func exitCode(leakExitCode: Int32) -> Int32 {
    if termination.shellCode != 0 { return termination.shellCode }
    if allReports.contains(where: { $0.exit == .findings }) { return leakExitCode }
    return failures.isEmpty && allReports.allSatisfy { $0.exit == .clean } ? 0 : CommandExit.notAudited.rawValue
  }

  func textLines(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    let name = command[0].shownOnTerminals
    var text = ["leak-audit: \(name) \(termination.text)"]
    for report in allReports {
      text += [""] + report.textLines(top: top, units: units, style: style, width: width)
    }
    text += failures.map { style.fault("could not audit \($0)") }
    if allReports.isEmpty, failures.isEmpty, unfinished.isEmpty {
      text +=
        ("\(name) wrote no ledger: no process of it created a native buffer, or it does not use NativeBuffers, or "
        + "something removed NATIVE_BUFFERS_LEDGER from its environment or replaced it (`env -i`, `env -u`, `sudo`, a "
        + "`leak-audit run` in it), or it names another file itself (`LedgerFile.use`), or it could not write one "
        + "(its standard error then says why).").wrapped(to: width, indent: 0)
    }
    text += remarks.flatMap { $0.wrapped(to: width, indent: 0) }.map { style.note($0) }
    return text
  }
}

extension FinishedRun {
  private enum Field: String, CodingKey { case command, termination, reports, replaced, failures, unfinished, remarks }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Field.self)
    try values.encode(command, forKey: .command)
    try values.encode(termination, forKey: .termination)
    try values.encode(ledgers.map(\.report), forKey: .reports)
    try values.encode(replacedLedgers.map(\.report), forKey: .replaced)
    try values.encode(failures, forKey: .failures)
    try values.encode(unfinished, forKey: .unfinished)
    try values.encode(remarks, forKey: .remarks)
  }
}

extension Termination: Encodable {
  private enum Field: String, CodingKey { case exitCode, signal, dumpedCore }

  package func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Field.self)
    switch self {
    case .exited(let code): try values.encode(code, forKey: .exitCode)
    case .killed(let signal, let dumpedCore):
      try values.encode(signal, forKey: .signal)
      try values.encode(dumpedCore, forKey: .dumpedCore)
    }
  }
}
