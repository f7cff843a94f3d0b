// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import LedgerReading

/// `leak-audit report`: audits one process, or what it left.
package struct ReportCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Audits a process from outside, without stopping it, or a ledger or snapshot that it left.",
    discussion: """
      What is live in a process that runs is no finding: only its program knows how long it is needed. To look for \
      what is forgotten, ask by age: --min-age 10m --fail-on old. What is still live when a process ends by a regular \
      exit is `held`, a note, because globals are never released at the end: --fail-on held lets it count. What a \
      ResourceCache holds, and what was created in a ProcessLifetime.scope, is neither `held` nor `old`.

      Lines are as long as the terminal is wide. If standard output is no terminal, they are whole, whatever COLUMNS \
      says, so that programs can read them; `fold -s` breaks them.

      The exit code is 0 if no finding counts, 1 if one does, 2 if the ledger cannot be read, or not all of it, and 64 \
      if the command line or a rule of a suppression file has a mistake. Orphans, ghosts and stuck cleanups count, \
      unless the options say otherwise.
      """)

  @Argument(
    help: ArgumentHelp(
      "A process id, the name of a command, or a file: a ledger or a snapshot.", valueName: "process"))
  var target: String

  @Option(help: ArgumentHelp(ReportForm.help))
  var format = ReportForm.text

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The file for the report, which is replaced. Without it, the report is on standard output.", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup var audit: AuditOptions
  @OptionGroup var display: DisplayOptions
  @OptionGroup var look: LookOptions
  @OptionGroup var formatOptions: FormatOptions

  package init() {}

  /// The kinds that are faults without further options.
  private static var faults: Set<Finding.Kind> { [.orphan, .ghost, .stuck, .uncounted] }

  package func run() throws {
    try reportingFailures { () throws -> ExitCode in
      var filter = try audit.filter()
      let began = ContinuousClock.now
      let (snapshot, isKept, memory) = try LedgerTarget(target).snapshotAndMemory(leastAge: audit.minAge)
      let report = LedgerReport(
        snapshot, isKept: isKept, memory: memory, leastAge: audit.minAge, faults: Self.faults, filter: &filter,
        shows: display.shows)
      let ledger = AuditedLedger(
        snapshot: snapshot, report: report, duration: (ContinuousClock.now - began) / .seconds(1))
      let remarks = filter.suppressions.remarks
      let writer = ReportWriter(form: format, display: display, format: formatOptions, units: look.units)
      let text = try writer.text([ledger]) {
        let style = output == nil ? look.outputStyle : .plain
        let width = output == nil ? look.outputWidth : nil
        let lines = report.textLines(
          top: display.top, units: look.units, style: style, width: width, saysWhyNoMemory: true)
        let wrapped = remarks.flatMap { $0.wrapped(to: width, indent: 0) }.map { style.note($0) }
        return (lines + wrapped).joined(separator: "\n")
      } json: {
        try json(Document(report: report, remarks: remarks))
      }
      if let output { try NewFile.write(Array((text + "\n").utf8), to: output) } else { try printReport(text) }
      return report.exit.code
    }
  }

  /// The fields of the report, and what is to be said of the suppression files. `report.schema.json` describes them; a
  /// test compares it with reports.
  private struct Document: Encodable {
    /// Gets another number if a field changes its meaning or is removed.
    let formatVersion = 1
    let report: LedgerReport
    let remarks: [String]
  }
}
