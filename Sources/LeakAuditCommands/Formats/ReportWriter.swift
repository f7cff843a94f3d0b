// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import LedgerReading
import ResourceLedger

/// The options of forms for other programs.
struct FormatOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "For --format sarif, the folder of the package whose sources are meant: paths begin there. Without it, this is "
        + "the current folder.", valueName: "folder"), completion: .directory)
  var sourceRoot = "."
}

/// Writes reports in the forms for other programs.
struct ReportWriter {
  let form: ReportForm
  let display: DisplayOptions
  let format: FormatOptions
  let units: ByteText

  /// The report of one ledger or several, without a line break at its end.
  /// - Parameters:
  ///   - failures: why other ledgers could not be read.
  ///   - text, json: the report in these forms, which each command has for itself.
  /// - Throws: ``CommandFailure`` if this program was built without the form, and what `text` and `json` throw.
  func text(
    _ ledgers: [AuditedLedger], failures: [String] = [], text: () throws -> String, json: () throws -> String
  ) throws -> String {
    switch form {
    case .text: try text()
    case .json: try json()
    case .html: try html(ledgers, failures)
    case .folded: FoldedStacks.text(ledgers, shows: display.shows)
    case .sarif:
      try LeakAuditCommands.json(
        SARIFLog(
          ledgers.map(\.report), version: PackageVersion.current, files: SourceFiles(root: format.sourceRoot)))
    case .junit: try junit(ledgers.map(\.report), failures)
    case .openmetrics: metrics(.openMetrics, ledgers, failures)
    case .prometheus: metrics(.prometheus, ledgers, failures)
    }
  }

  private func metrics(_ form: MetricText, _ ledgers: [AuditedLedger], _ failures: [String]) -> String {
    var metrics = LedgerMetrics(lineLimit: display.top)
    for ledger in ledgers { metrics.add(ledger) }
    metrics.addFailures(failures.count)
    return String(form.text(metrics.families).dropLast())
  }

  private func junit(_ reports: [LedgerReport], _ failures: [String]) throws -> String {
    #if AllFormats
      try JUnitReport(reports, failures: failures).text()
    #else
      throw Self.missing(.junit)
    #endif
  }

  private func html(_ ledgers: [AuditedLedger], _ failures: [String]) throws -> String {
    #if AllFormats
      try HTMLReport(ledgers, failures: failures, units: units).text()
    #else
      throw Self.missing(.html)
    #endif
  }

  private static func missing(_ form: ReportForm) -> CommandFailure {
    CommandFailure(
      "this program was built without --format \(form.rawValue). Build it with the package's default traits.",
      exit: .validationFailure)
  }
}
