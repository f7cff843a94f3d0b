// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput
import Glibc
import LedgerReading
import ResourceLedger

/// `leak-audit run`: runs a command, and audits every ledger that its processes leave.
package struct RunCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs a command, and audits what its processes leave, however they end.",
    discussion: """
      The command has this program's standard streams, its terminal and its process group. Signals that are sent to \
      this program are passed on. Each process of the command's tree that uses NativeBuffers is in the report, which \
      is printed on standard error.

      The exit code is the command's own, if that is not 0; 128 plus the signal's number, if a signal ended it; \
      --leak-exit-code, if there is a finding that counts; 2 if the command cannot be started, a ledger cannot be \
      read, or the report cannot be written; 64 if the command line or a rule of a suppression file has a mistake; and \
      otherwise 0.
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The file for the report; - stands for standard output. Without it, the report is on standard error. If it is a "
        + "named pipe that no program reads, the report waits for a reader after the command has ended.",
      valueName: "file"),
    completion: .file())
  var output: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The exit code if there is a finding that counts, from 1 to 255.", valueName: "code"))
  var leakExitCode: Int32 = 1

  @Option(
    help: ArgumentHelp(
      "The folder in which the ledgers are put while the command runs. Without it, it is /dev/shm if that has room, "
        + "or else a folder for temporary files.", valueName: "folder"), completion: .directory)
  var ledgerFolder: String?

  @Option(help: ArgumentHelp(ReportForm.help))
  var format = ReportForm.text

  @OptionGroup var audit: AuditOptions
  @OptionGroup var display: DisplayOptions
  @OptionGroup var look: LookOptions
  @OptionGroup var formatOptions: FormatOptions

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("After --, the command and its arguments.", valueName: "command"))
  var command: [String] = []

  package init() {}

  package func validate() throws {
    guard let name = command.first, !name.isEmpty else {
      throw ValidationError("Name the command after --, for example: leak-audit run -- ./server --port 8080")
    }
    guard (1...255).contains(leakExitCode) else { throw ValidationError("--leak-exit-code must be from 1 to 255.") }
  }

  package func run() throws {
    try reportingFailures { () throws -> ExitCode in
      let filter = try audit.filter()
      // Before the command runs: a mistake in the name should not be found after an hour.
      let report = try output.map { (path) throws(CommandFailure) in
        try ReportFile(path, inputs: audit.suppress)
      }
      let run = try audited(filter)
      let text = try text(run, isOnTerminal: report == nil && StandardError.isTerminal)
      do throws(CommandFailure) {
        try (report ?? ReportFile()).write(text + "\n")
      } catch {
        // The command's own exit code is stronger than this failure, too.
        guard run.termination.shellCode != 0 else { throw error }
        StandardError.write("leak-audit: \(error)\n")
      }
      return ExitCode(run.exitCode(leakExitCode: leakExitCode))
    }
  }

  /// Runs the command, and audits what it left.
  private func audited(_ filter: FindingFilter) throws(CommandFailure) -> FinishedRun {
    let folder = try makeFolder()
    defer { folder.remove() }
    if let path = unsafe getenv("NATIVE_BUFFERS_LEDGER").map({ unsafe String(cString: $0) }), !path.isEmpty {
      StandardError.write(
        "leak-audit: the command gets a NATIVE_BUFFERS_LEDGER of this run, instead of \(path.shownOnTerminals).\n")
    }
    let signals = WaitedSignals()
    let termination = try start(folder, signals).wait(signals)
    signals.endWaiting()
    return FinishedRun(
      command: command, termination: termination, ledgers: folder.ledgers, filter: filter, leastAge: audit.minAge,
      shows: display.shows)
  }

  private func text(_ run: FinishedRun, isOnTerminal: Bool) throws -> String {
    try ReportWriter(form: format, display: display, format: formatOptions, units: look.units).text(
      run.ledgers + run.replacedLedgers, failures: run.failures
    ) {
      run.textLines(
        top: display.top, units: look.units, style: Style(isColored: look.color.isColored(isTerminal: isOnTerminal)),
        width: isOnTerminal ? Terminal.size.columns : nil
      ).joined(separator: "\n")
    } json: {
      try json(run)
    }
  }

  private func makeFolder() throws(CommandFailure) -> LedgerFolder {
    do throws(ValueRefusal) {
      return try LedgerFolder(in: ledgerFolder)
    } catch {
      throw CommandFailure("\(error) Name a folder by --ledger-folder.")
    }
  }

  private func start(_ folder: LedgerFolder, _ signals: WaitedSignals) throws(CommandFailure) -> ChildProcess {
    do throws(SpawnError) {
      return try ChildProcess(
        command, mask: signals.previous, environment: ["NATIVE_BUFFERS_LEDGER": folder.ledgerPattern])
    } catch {
      signals.endWaiting()
      let next = error.number == ENOENT ? "Check its name, and PATH." : "Check the file and its rights."
      throw CommandFailure(
        "\"\(error.command.shownOnTerminals)\" cannot be started: \(systemError(error.number)). \(next)")
    }
  }
}
