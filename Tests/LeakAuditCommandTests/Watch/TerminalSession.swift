// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A terminal of its own, in tmux, with a shell in it.
final class TerminalSession {
  static var isAvailable: Bool { (try? Command.run("/usr/bin/env", ["tmux", "-V"]).exitCode) == 0 }

  private let name = "leak-audit-\(UUID().uuidString)"
  /// The shell writes a number of its own for each question, so that an answer is not taken for another one's.
  private var questionCount = 0

  init(columns: Int = 80, rows: Int = 24) throws {
    let outcome = try Command.run(
      "/usr/bin/env",
      [
        "tmux", "-L", name, "-f", "/dev/null", "new-session", "-d", "-s", "s", "-x", "\(columns)", "-y", "\(rows)",
        "env -u NO_COLOR PS1='$ ' TERM=screen sh",
      ])
    try #require(outcome.exitCode == 0, "\(outcome.errors)")
    try wait(until: "the shell has its prompt") { $0.contains("$") }
  }

  deinit { _ = try? Command.run("/usr/bin/env", ["tmux", "-L", name, "kill-server"]) }

  @discardableResult
  private func tmux(_ arguments: String...) throws -> String {
    let outcome = try Command.run("/usr/bin/env", ["tmux", "-L", name] + arguments)
    try #require(outcome.exitCode == 0, "\(arguments): \(outcome.errors)")
    return outcome.output
  }

  /// What the terminal shows.
  func screen() throws -> String { try tmux("capture-pane", "-p", "-J", "-t", "s") }

  /// Presses keys by their names in tmux: "q", "Enter", "C-z".
  func press(_ keys: String...) throws {
    for key in keys { try tmux("send-keys", "-t", "s", key) }
  }

  func type(_ text: String) throws { try tmux("send-keys", "-t", "s", "-l", text) }

  func resize(columns: Int, rows: Int) throws {
    try tmux("resize-window", "-t", "s", "-x", "\(columns)", "-y", "\(rows)")
  }

  /// Looks at the screen until it is as wanted; records an issue if that takes more than 20 seconds.
  func wait(
    until what: String, sourceLocation: SourceLocation = #_sourceLocation, _ isWanted: (String) -> Bool
  ) throws {
    let deadline = ContinuousClock.now + .seconds(20)
    var text = ""
    while ContinuousClock.now < deadline {
      text = try screen()
      if isWanted(text) { return }
      usleep(20_000)
    }
    Issue.record("not seen: \(what). The screen shows:\n\(text)", sourceLocation: sourceLocation)
    throw CancellationError()
  }

  /// Lets the shell run a command, and returns its output of one line.
  func answer(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    questionCount += 1
    let (begin, end) = ("<\(questionCount):", ":\(questionCount)>")
    // The marks are made by the shell, so that they are not in the command line that the terminal shows.
    try type("printf '%s%s%s' \"<$((\(questionCount))):\" \"$(\(command))\" \":$((\(questionCount)))>\"; echo")
    try press("Enter")
    var found = ""
    try wait(until: "the answer of \(command)", sourceLocation: sourceLocation) { screen in
      guard let start = screen.range(of: begin),
        let stop = screen.range(of: end, range: start.upperBound..<screen.endIndex)
      else { return false }
      found = String(screen[start.upperBound..<stop.lowerBound])
      return true
    }
    return found
  }
}
