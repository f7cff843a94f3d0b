// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput
import LedgerReading

/// `leak-audit list`: the processes that have a ledger.
package struct ListCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Lists the processes with a ledger: their age, live resources, idle bytes, resident set and growth.",
    discussion: """
      The growth is that of the live bytes in the last minute, or in the time since the process began to note them, \
      which is named, too.

      The exit code is 0 if every process could be read, also if there is none; it is 2 if a ledger could not be read, \
      and 64 if the command line has a mistake.
      """)

  @Flag(help: "List the processes of all users, as far as this user may read them.")
  var allUsers = false

  @Option(help: "The form of the list on standard output.")
  var format = OutputForm.text

  @OptionGroup var look: LookOptions

  package init() {}

  package func run() throws {
    try reportingFailures { () throws -> ExitCode in
      var rows: [ProcessRow] = []
      var failures: [String] = []
      let search = LedgerReader.search(allUsers: allUsers)
      for listing in search.found {
        do throws(LedgerReadingError) {
          rows.append(ProcessRow(listing, try LedgerReader(process: listing.processID).snapshot()))
        } catch {
          // A process that has ended meanwhile is no failure.
          if error.code != .noSuchProcess { failures.append(error.description) }
        }
      }
      try printReport(format == .json ? try json(rows) : text(rows))
      for failure in failures { StandardError.write("leak-audit: \(failure)\n") }
      if search.refusedCount > 0 {
        let which = search.refusedCount.counted("process", "processes") + (allUsers ? "" : " of this user")
        let text =
          "leak-audit: this command has no right to look at \(which), which may have a ledger. Root with all "
          + "capabilities can look."
        let width = StandardError.isTerminal ? Terminal.size.columns : nil
        StandardError.write(text.wrapped(to: width, indent: 0).joined(separator: "\n") + "\n")
      }
      return failures.isEmpty ? CommandExit.clean.code : CommandExit.notAudited.code
    }
  }

  private func text(_ rows: [ProcessRow]) -> String {
    guard !rows.isEmpty else {
      let others = allUsers ? "that this user may read" : "of this user; --all-users looks at the others, too"
      return "There is no process with a ledger \(others).".wrapped(to: look.outputWidth, indent: 0)
        .joined(separator: "\n")
    }
    return ProcessRow.lines(
      rows, showsUser: allUsers, units: look.units, style: look.outputStyle, width: look.outputWidth
    ).joined(separator: "\n")
  }
}
