// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput
import LedgerReading
import ResourceLedger

/// `leak-audit diff`: what grew between two snapshots.
package struct DiffCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Shows for each line of code what is new, gone, grown and shrunk between two snapshots.",
    discussion: """
      Each side is a snapshot, a ledger in a file, a process id, or the name of a command. Only what is live is \
      compared: memory that is kept for reuse is no growth. If only one side is redacted, the names of the other side \
      are replaced by hashes, too, and standard error says so.

      The exit code is 0, or 1 if there is more growth than --fail-on-growth allows. It is 2 if a side cannot be read, \
      and 64 if the command line has a mistake.
      """)

  @Argument(help: "The earlier side.")
  var old: String

  @Argument(help: "The later side.")
  var new: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Make the exit code 1 if live bytes grew by more than so many bytes, or by more than such a part, such as 5%. "
        + ByteSize.help, valueName: "growth"),
    transform: { text in try refusing { () throws(ValueRefusal) in try GrowthLimit.parse(text) } })
  var failOnGrowth: GrowthLimit?

  @Option(
    help: ArgumentHelp(
      "Compare only lines of code of these files, such as 'MyServer/*'. May be given several times.",
      valueName: "pattern"))
  var only: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Leave out lines of code that changed by fewer bytes. \(ByteSize.help)", valueName: "bytes"),
    transform: { text in try refusing { () throws(ValueRefusal) in try ByteSize.parse(text) } })
  var minBytes: Int?

  @Option(help: "The form of the report on standard output.")
  var format = OutputForm.text

  @OptionGroup var display: DisplayOptions
  @OptionGroup var look: LookOptions

  package init() {}

  /// What is printed as JSON.
  private struct Document: Encodable {
    let old: LedgerProcess?
    let new: LedgerProcess?
    /// When each side was read: nanoseconds since 1970.
    let oldTakenAt: UInt64
    let newTakenAt: UInt64
    let oldTotals: SnapshotDiff.Amount
    let newTotals: SnapshotDiff.Amount
    let lines: [SnapshotDiff.Line]
    let exceedsGrowthLimit: Bool
  }

  package func run() throws {
    try reportingFailures { () throws -> ExitCode in
      let (first, second) = (try LedgerTarget(old).read(), try LedgerTarget(new).read())
      let (before, after) = Self.matched(first.snapshot, second.snapshot)
      let own = only.map { Pattern($0) }
      let diff = SnapshotDiff(
        from: before.liveLines, to: after.liveLines,
        where: { site in own.isEmpty || own.contains { $0.matches(site.file) } },
        isShown: { line in display.shows(line.site) && line.byteChange.magnitude >= (minBytes ?? 0) })
      let isExceeded =
        failOnGrowth.map { $0.isExceeded(from: diff.old.byteCount, to: diff.new.byteCount) } ?? false
      switch format {
      case .json:
        try printReport(
          json(
            Document(
              old: before.process, new: after.process, oldTakenAt: before.takenAt, newTakenAt: after.takenAt,
              oldTotals: diff.old, newTotals: diff.new, lines: diff.lines,
              exceedsGrowthLimit: isExceeded)))
      case .text:
        let sides = [
          before.title(isKept: first.reader == nil),
          after.title(isKept: second.reader == nil) + Self.distance(before, after),
        ]
        try printReport(text(sides, diff, isExceeded))
      }
      return isExceeded ? CommandExit.findings.code : CommandExit.clean.code
    }
  }

  /// Both sides with names that can match. If only one side is redacted, the other one is redacted, too: the hashes of
  /// the same names are the same, so the figures are right. This is said on standard error.
  private static func matched(_ old: LedgerSnapshot, _ new: LedgerSnapshot) -> (LedgerSnapshot, LedgerSnapshot) {
    guard old.isRedacted != new.isRedacted else { return (old, new) }
    let (redacted, plain) = old.isRedacted ? ("earlier", "later") : ("later", "earlier")
    StandardError.write(
      "leak-audit: only the \(redacted) side is redacted, so the names of the \(plain) side are shown as hashes, too. "
        + "The figures are right, but --only and --site look at the hashes. To see names, take both snapshots without "
        + "--redact.\n")
    return old.isRedacted ? (old, new.redacted) : (old.redacted, new)
  }

  /// - Parameter sides: whose ledgers are compared, the earlier one first.
  private func text(_ sides: [String], _ diff: SnapshotDiff, _ isExceeded: Bool) -> String {
    let style = look.outputStyle
    var lines = zip(["from  ", "to    "], sides).flatMap { label, side in
      let lines = side.wrapped(to: look.outputWidth, indent: label.count)
      return [label + lines[0].dropFirst(label.count)] + lines.dropFirst()
    }
    lines.append("")
    lines += diff.textLines(
      leftOutBy: (display.site.isEmpty ? [] : ["--site"]) + (minBytes == nil ? [] : ["--min-bytes"]), top: display.top,
      units: look.units, style: style, width: look.outputWidth)
    if let failOnGrowth {
      let limit = failOnGrowth.text(look.units)
      let verdict = "growth: live bytes \(isExceeded ? "grew" : "did not grow") by more than \(limit)."
      lines += [""] + verdict.wrapped(to: look.outputWidth, indent: 0).map(isExceeded ? style.fault : style.good)
    }
    return lines.joined(separator: "\n")
  }

  /// "; 12 min later", if the second snapshot was taken later.
  private static func distance(_ before: LedgerSnapshot, _ after: LedgerSnapshot) -> String {
    guard after.takenAt > before.takenAt else { return "" }
    return "; \(Age.text(seconds: Int(clamping: (after.takenAt - before.takenAt) / 1_000_000_000))) later"
  }
}
