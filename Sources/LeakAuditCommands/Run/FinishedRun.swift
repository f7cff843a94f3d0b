// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// What `leak-audit run` reports after the command has ended.
struct FinishedRun: Encodable {
  let command: [String]
  let termination: Termination
  /// One for each process that left a ledger, by process id.
  let reports: [LedgerReport]
  /// The same for programs that began another one in the same process, by `exec`.
  let replaced: [LedgerReport]
  /// Why ledgers could not be read.
  let failures: [String]
  /// What is to be said of the suppression files.
  let remarks: [String]

  /// Audits the ledgers.
  init(
    command: [String], termination: Termination, ledgers: [LedgerFolder.FoundLedger], filter: FindingFilter,
    leastAge: Int?, shows: (Site) -> Bool
  ) {
    var filter = filter
    var reports: [LedgerReport] = []
    var replaced: [LedgerReport] = []
    var failures: [String] = []
    for ledger in ledgers {
      do throws(CommandFailure) {
        let snapshot = try LedgerTarget.file(ledger.path).snapshot(leastAge: leastAge)
        let report = LedgerReport(
          snapshot, leastAge: leastAge, faults: Self.faults, filter: &filter, shows: shows)
        if ledger.isReplaced { replaced.append(report) } else { reports.append(report) }
      } catch {
        failures.append("process \(ledger.processID): \(error)")
      }
    }
    self.command = command
    self.termination = termination
    self.reports = reports
    self.replaced = replaced
    self.failures = failures
    remarks = filter.suppressions.remarks
  }

  /// `held` is one of them: to find what a command leaves at its end is what a run is for.
  private static var faults: Set<Finding.Kind> { Set(Finding.Kind.allCases.filter(\.isFault)) }

  private var allReports: [LedgerReport] { reports + replaced }

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
    if allReports.isEmpty, failures.isEmpty {
      text +=
        ("\(name) wrote no ledger: no process of it created a native buffer, or it does not use NativeBuffers, or "
        + "something removed NATIVE_BUFFERS_LEDGER from its environment or replaced it (`env -i`, `env -u`, `sudo`, a "
        + "`leak-audit run` in it), or it names another file itself (`LedgerFile.use`), or it could not write one "
        + "(its standard error then says why).").wrapped(to: width, indent: 0)
    }
    text += remarks.map { style.note($0) }
    return text
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
