// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput
import Glibc
import LedgerReading
import ResourceLedger

/// `leak-audit snapshot`: keeps what a ledger has in a small file.
package struct SnapshotCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Writes what a ledger has now into a small file, for later and for elsewhere.",
    discussion: """
      The file has the sums by line of code, size class, use and age, the 10,000 largest resources, the history and \
      the allocator's counts. `report`, `diff` and `watch` read it like a ledger. It is JSON, compressed as gzip: \
      `zcat FILE` shows it.

      The exit code is 0 if the file was written, 2 if not, and 64 if the command line has a mistake.
      """)

  @Argument(help: ArgumentHelp("A process id, the name of a command, or a ledger in a file.", valueName: "process"))
  var target: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The file that is written. It replaces one of this name, but neither a ledger nor the file that is read. - "
        + "stands for standard output, if that is no terminal.",
      valueName: "file"),
    completion: .file())
  var output: String

  @Flag(
    help: ArgumentHelp(
      "Replace the names of files, functions, scopes, domains, command and host by hashes.",
      discussion: "Who guesses a name can find out whether it is in the snapshot, because its hash is always the same: "
        + "diff needs that."))
  var redact = false

  @OptionGroup var look: LookOptions

  package init() {}

  package func validate() throws {
    guard !output.isEmpty else { throw ValidationError("--output is empty. Name a file.") }
  }

  package func run() throws {
    try reportingFailures { () throws(CommandFailure) -> ExitCode in
      let isForOutput = output == "-"
      guard !isForOutput || !StandardOutput.isTerminal else {
        throw CommandFailure(
          "a snapshot is not text, so it is not written to a terminal. Name a file by --output, or let a program read "
            + "standard output.")
      }
      let source = try LedgerTarget(target)
      if case .file(let path) = source { try refuseOutput(output, overwriting: [path]) }
      let (snapshot, reader) = try source.read()
      let byteCount = try (redact ? snapshot.redacted : snapshot).write(to: output)
      let live = snapshot.liveTotals
      let text =
        "\(snapshot.title(isKept: reader == nil))\nlive \(live.count.grouped) of \(look.units.phrase(live.byteCount)); "
        + "\(look.units.phrase(byteCount)) written to "
        + (isForOutput ? "standard output" : output.shownOnTerminals)
      if isForOutput { StandardError.write(text + "\n") } else { try printReport(text) }
      return CommandExit.clean.code
    }
  }
}

extension LedgerSnapshot {
  /// Writes the snapshot into a file, or to standard output if the path is "-".
  /// - Returns: the file's bytes.
  func write(to path: String) throws(CommandFailure) -> Int {
    let name = path == "-" ? "standard output" : "\"\(path.shownOnTerminals)\""
    let bytes: [UInt8]
    do throws(ValueRefusal) {
      bytes = try SnapshotFile.bytes(of: self)
    } catch {
      throw CommandFailure("\(name) was not written: \(error).")
    }
    guard path == "-" else {
      try NewFile.write(bytes, to: path)
      return bytes.count
    }
    letWritesFail()
    guard writeAll(bytes, to: STDOUT_FILENO) else {
      throw CommandFailure("\(name) could not be written: \(systemError(errno)).")
    }
    return bytes.count
  }
}
