// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput
import LedgerReading
import NativeSynchronization
import ResourceLedger

/// `leak-audit watch`: a ledger on the whole screen, read again and again.
package struct WatchCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Shows on the whole screen what a ledger has, and what grows.",
    discussion: """
      The keys: s sorts, / filters, f freezes the figures, w writes a snapshot, h helps, q quits. If standard input or \
      standard output is no terminal, a line is printed for each reading instead.

      The exit code is 0 if the watch ended by q, or because the process ended; 2 if the ledger cannot be read; and 64 \
      if the command line has a mistake. If a signal ends the watch, it is 128 plus the signal's number.
      """)

  @Argument(help: ArgumentHelp("A process id, the name of a command, or a file.", valueName: "process"))
  var target: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The seconds between two readings. They become more if a reading takes long, so that it takes at most 4 % of a "
        + "core.", valueName: "seconds"))
  var interval = 1

  @Option(parsing: .unconditional, help: ArgumentHelp("End after so many readings.", valueName: "n"))
  var count: Int?

  @OptionGroup var look: LookOptions

  package init() {}

  package func validate() throws {
    guard (1...86_400).contains(interval) else { throw ValidationError("--interval must be from 1 to 86400.") }
    guard count ?? 1 > 0 else { throw ValidationError("--count must be at least 1.") }
  }

  package func run() throws {
    try reportingFailures { () throws -> ExitCode in
      let target = try LedgerTarget(target)
      // Before the screen is used, so that an error is seen.
      let first = try WatchReading(target, units: look.units)
      if StandardOutput.isTerminal, Terminal.enter() {
        defer { Terminal.leave() }
        return try watch(target, first)
      }
      return try printLines(target, first)
    }
  }

  /// A pause after a reading that took some milliseconds, so that readings take at most 4 % of a core.
  private func pause(after reading: WatchReading) -> Int { max(interval * 1_000, reading.milliseconds * 25) }
}

// MARK: Lines

extension WatchCommand {
  private func printLines(_ target: LedgerTarget, _ first: WatchReading) throws(CommandFailure) -> ExitCode {
    var reading = first
    var readings = 1
    while true {
      let isRead = try printReport(reading.line)
      guard isRead, reading.mayChange, readings < count ?? .max else { return CommandExit.clean.code }
      sleep(milliseconds: pause(after: reading))
      guard let next = try reading.next() else {
        try printReport(reading.ended.title)
        return CommandExit.clean.code
      }
      reading = next
      readings += 1
    }
  }
}

// MARK: The whole screen

extension WatchCommand {
  private func watch(_ target: LedgerTarget, _ first: WatchReading) throws(CommandFailure) -> ExitCode {
    var reading = first
    var readings = 1
    var growth = WatchGrowth()
    var grown = growth.growth(of: reading.lines, at: MonotonicClock.now)
    var state = WatchState()
    var due = MonotonicClock.now + MonotonicClock.nanoseconds(milliseconds: pause(after: reading))
    while true {
      let (rows, columns) = Terminal.size
      let pageRows = max(1, rows - WatchScreen.frameRows)
      let screen = WatchScreen(
        reading, growth: grown, units: look.units, style: Style(isColored: look.color.isColored(isTerminal: true)))
      state.clampFirstRow(rowCount: screen.rows(state).count, pageRows: pageRows)
      guard Terminal.draw(screen.text(state, rows: rows, columns: columns), rows: rows) else {
        return CommandExit.notAudited.code
      }
      let now = MonotonicClock.now
      // A process that ended does not change any more.
      let waits = state.isFrozen || !reading.mayChange || readings >= count ?? .max
      if count.map({ readings >= $0 }) ?? false { return CommandExit.clean.code }
      switch Terminal.nextEvent(milliseconds: waits ? 60_000 : now < due ? Int((due - now) / 1_000_000) + 1 : 0) {
      case .key(let key):
        switch state.press(key, pageRows: pageRows) {
        case .quit: return CommandExit.clean.code
        case .writeSnapshot: state.message = Self.writeSnapshot(reading.snapshot)
        case nil: break
        }
      case .ended(let signal): return ExitCode(128 + signal)
      case .resized, .continued: break
      case .timeout:
        guard !waits else { break }
        if let next = try reading.next() {
          reading = next
          readings += 1
          grown = growth.growth(of: reading.lines, at: MonotonicClock.now)
        } else {
          reading = reading.ended
          state.message = "the process has ended: these are its last figures. q quits, w writes a snapshot of them"
        }
        due = MonotonicClock.now + MonotonicClock.nanoseconds(milliseconds: pause(after: reading))
      }
    }
  }

  /// - Returns: what is said about it.
  private static func writeSnapshot(_ snapshot: LedgerSnapshot) -> String {
    let id = snapshot.seenProcessID ?? snapshot.process?.id ?? 0
    let path = "leak-audit-\(id)-\(snapshot.takenAt / 1_000_000_000).json.gz"
    do throws(CommandFailure) {
      return "\(try snapshot.write(to: path).grouped) bytes written to \(path)"
    } catch {
      return error.description
    }
  }
}
