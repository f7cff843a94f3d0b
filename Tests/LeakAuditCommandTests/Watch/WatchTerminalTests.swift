// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("leak-audit watch on a terminal", .enabled(if: TerminalSession.isAvailable, "needs tmux"))
struct WatchTerminalTests {
  private let made = MadeSnapshot(
    lines: [
      .init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000),
      .init(file: "Server/Frames.swift", function: "next(of:)", count: 9, byteCount: 90_000),
    ])

  /// Starts the watch in a terminal, and waits until its screen is there.
  /// - Returns: its process id.
  @discardableResult
  private func watch(_ terminal: TerminalSession, in folder: ScratchFolder) throws -> pid_t {
    let id = "\(folder.path)/id"
    let command = "\(Command.path("leak-audit")) watch \(try folder.write(made, "snapshot"))"
    try terminal.type("sh -c 'echo $$ >\(id); exec \(command)'; echo code=$?")
    try terminal.press("Enter")
    try terminal.wait(until: "the screen of the watch") { $0.contains("next(of:)") && $0.contains("q quit") }
    return try #require(pid_t(String(contentsOfFile: id, encoding: .utf8).dropLast()))
  }

  @Test("Keys sort, filter and help; another size draws again; q ends it, and the terminal is as before")
  func keys() throws {
    let (terminal, folder) = (try TerminalSession(), try ScratchFolder())
    let before = try terminal.answer("stty -g")
    try watch(terminal, in: folder)
    try terminal.wait(until: "the order by bytes") { $0.contains("[bytes]") && $0.contains("oldest") }
    try terminal.press("s")
    try terminal.wait(until: "the order by growth") { $0.contains("[growth]") }
    try terminal.resize(columns: 60, rows: 20)
    try terminal.wait(until: "fewer columns") { $0.contains("Cache.swift") && !$0.contains("oldest") }
    try terminal.press("/")
    try terminal.type("Cache")
    try terminal.press("Enter")
    try terminal.wait(until: "the filter") { $0.contains("filter: Cache") && !$0.contains("Frames.swift") }
    try terminal.press("h")
    try terminal.wait(until: "the help") { $0.contains("freeze the figures") }
    try terminal.press("q")
    try terminal.wait(until: "the end") { $0.contains("code=0") && !$0.contains("q quit") }
    #expect(try terminal.answer("stty -g") == before)
  }

  @Test("A signal ends it with its code, and the terminal is as before", arguments: [SIGTERM, SIGHUP, SIGINT])
  func signals(number: Int32) throws {
    let (terminal, folder) = (try TerminalSession(), try ScratchFolder())
    let before = try terminal.answer("stty -g")
    kill(try watch(terminal, in: folder), number)
    try terminal.wait(until: "the end") { $0.contains("code=\(128 + number)") }
    #expect(try terminal.answer("stty -g") == before)
  }

  @Test("A snapshot is not written to a terminal")
  func snapshot() throws {
    let (terminal, folder) = (try TerminalSession(columns: 200), try ScratchFolder())
    let command = "\(Command.path("leak-audit")) snapshot \(try folder.write(made, "snapshot")) -o -"
    try terminal.type("\(command); echo code=$?")
    try terminal.press("Enter")
    try terminal.wait(until: "the end") { $0.contains("a snapshot is not text") && $0.contains("code=2") }
  }

  @Test("Ctrl-Z gives the terminal back to the shell, and fg shows the screen again")
  func stopped() throws {
    let (terminal, folder) = (try TerminalSession(), try ScratchFolder())
    let before = try terminal.answer("stty -g")
    try watch(terminal, in: folder)
    try terminal.press("C-z")
    try terminal.wait(until: "the shell") { $0.contains("$") && !$0.contains("q quit") }
    #expect(try terminal.answer("stty -g") == before)
    try terminal.type("fg")
    try terminal.press("Enter")
    try terminal.wait(until: "the screen of the watch again") { $0.contains("next(of:)") && $0.contains("q quit") }
    try terminal.press("q")
    try terminal.wait(until: "the end") { !$0.contains("q quit") }
  }

  @Test("A crash gives the terminal back, too")
  func crash() throws {
    let (terminal, folder) = (try TerminalSession(), try ScratchFolder())
    let before = try terminal.answer("stty -g")
    kill(try watch(terminal, in: folder), SIGSEGV)
    try terminal.wait(until: "the end") { $0.contains("code=139") }
    #expect(try terminal.answer("stty -g") == before)
  }
}
