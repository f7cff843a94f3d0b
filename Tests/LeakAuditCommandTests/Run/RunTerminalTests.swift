// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("leak-audit run on a terminal", .enabled(if: TerminalSession.isAvailable, "needs tmux"))
struct RunTerminalTests {
  private func start(_ command: String, on terminal: TerminalSession) throws {
    try terminal.type("\(Command.path("leak-audit")) run -- \(command); echo code=$?")
    try terminal.press("Enter")
  }

  @Test("The command reads from the terminal, and Ctrl-C ends it")
  func interrupted() throws {
    let terminal = try TerminalSession()
    try start("cat", on: terminal)
    try terminal.type("hello")
    try terminal.press("Enter")
    try terminal.wait(until: "the echo, and the command's own output") { $0.split(separator: "hello").count == 3 }
    try terminal.press("C-c")
    try terminal.wait(until: "the end") {
      $0.contains("leak-audit: cat was ended by SIGINT") && $0.contains("code=130")
    }
  }

  @Test("A command that takes Ctrl-C itself gets it once, and goes on")
  func caught() throws {
    let folder = try ScratchFolder()
    let command = """
      trap "echo caught" INT
      trap "echo continued" CONT
      echo "parent=$PPID."
      while :; do read word; [ "$word" = end ] && exit; done
      """
    let file = try folder.write(Array(command.utf8), "command")
    // This shell does not notice that leak-audit is stopped: the terminal would become another shell's.
    let outer = try folder.write(
      Array("trap : INT; \(Command.path("leak-audit")) run -- sh \(file); echo code=$?".utf8), "outer")
    let terminal = try TerminalSession()
    try terminal.type("sh \(outer)")
    try terminal.press("Enter")
    try terminal.wait(until: "the command") { $0.contains("parent=") }
    let id = try #require(try terminal.screen().firstMatch(of: /parent=([0-9]+)\./).flatMap { pid_t($0.1) })
    // Two signals at the same moment would look like one. So leak-audit sees its own only after the command's.
    kill(id, SIGSTOP)
    try terminal.press("C-c")
    try terminal.wait(until: "the trap") { $0.contains("caught") }
    kill(id, SIGCONT)
    try terminal.wait(until: "what leak-audit passes on after the signal") { $0.contains("continued") }
    try terminal.type("end")
    try terminal.press("Enter")
    try terminal.wait(until: "the end") { $0.contains("code=0") }
    #expect(try terminal.screen().split(separator: "caught").count == 2)
  }

  @Test("Ctrl-Z stops the command and gives the terminal to the shell; fg continues both")
  func stopped() throws {
    let terminal = try TerminalSession()
    try start("cat", on: terminal)
    try terminal.type("one")
    try terminal.press("Enter")
    try terminal.wait(until: "the first line") { $0.split(separator: "one").count == 3 }
    try terminal.press("C-z")
    try terminal.wait(until: "the shell") { $0.contains("Stopped") || $0.contains("Suspended") }
    try terminal.type("fg")
    try terminal.press("Enter")
    try terminal.type("two")
    try terminal.press("Enter")
    try terminal.wait(until: "the second line") { $0.split(separator: "two").count == 3 }
    try terminal.press("C-d")
    try terminal.wait(until: "the end") { $0.contains("leak-audit: cat ended with exit code 0") }
  }
}
