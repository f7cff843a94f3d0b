// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger
import TestSupport
import Testing

@testable import LeakAuditCommands

@Suite("The screen of leak-audit watch")
struct WatchScreenTests {
  private let made = MadeSnapshot(
    lines: [
      .init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000, ageBand: 1, oldestAge: 42),
      .init(file: "Server/Frames.swift", function: "next(of:)", count: 9, byteCount: 90_000, ageBand: 4),
    ], idleByteCount: 4_096)

  private func screen(_ state: WatchState, columns: Int = 80, rows: Int = 16) throws -> [String] {
    let folder = try ScratchFolder()
    let reading = try WatchReading(.file(folder.write(made, "snapshot")), units: .auto)
    let growth = [reading.lines[1].site: 1_024]
    return WatchScreen(reading, growth: growth, units: .auto, style: .plain).text(state, rows: rows, columns: columns)
  }

  @Test("The last reading of a process that has ended does not say how it ended, and a snapshot is read once")
  func ended() throws {
    var running = made
    (running.status, running.isRunning) = (.inUse, true)
    let folder = try ScratchFolder()
    let reading = try WatchReading(.file(folder.write(running, "snapshot")), units: .auto)
    #expect(reading.title == "server (process 4211) on web-3, ledger made 12 min 5 s ago" && !reading.mayChange)
    #expect(reading.ended.title == "server (process 4211) on web-3, has ended" && !reading.ended.mayChange)
  }

  @Test("A row is erased before its line is written, so that a line of the whole width keeps its last character")
  func drawing() {
    let erase = "\u{1B}[0m\u{1B}[K"
    #expect(Terminal.sequence(for: ["ab", ""]) == "\u{1B}[H\(erase)ab\r\n\(erase)\u{1B}[0m")
  }

  @Test("It shows whose ledger it is, the sums, and a row for each line of code with its growth and its age")
  func whole() throws {
    let text = try screen(WatchState())
    #expect(text.count == 16)
    #expect(text[0] == "server (process 4211) on web-3, ended by a regular exit")
    #expect(text[1] == "live 12 of 2.95 MiB   idle 4.00 KiB")
    #expect(text[4] == "books: the process was never asked for the allocator's counts")
    #expect(text[6].split(separator: " ") == ["[bytes]", "count", "growth", "oldest", "line", "of", "code"])
    #expect(text[7] == "2.86 MiB      3          -  42 s      Server/Cache.swift:12 in load(_:)")
    #expect(text[8] == "87.9 KiB      9  +1.00 KiB  over 1 h  Server/Frames.swift:12 in next(of:)")
    #expect(text[15] == "q quit  s sort  / filter  f freeze  w snapshot  h help")
  }

  @Test("No row is wider than the terminal; a narrow one shows fewer columns", arguments: [24, 40, 60, 200])
  func narrow(columns: Int) throws {
    var help = WatchState()
    _ = help.press(.character("h"), pageRows: 5)
    for state in [WatchState(), help] {
      let text = try screen(state, columns: columns)
      #expect(text.allSatisfy { $0.count <= columns }, "\(text)")
    }
    let text = try screen(WatchState(), columns: columns)
    #expect(text.joined().contains("oldest") == (columns >= 60))
    // File and line have room beside the bytes of the row.
    if columns >= 40 {
      #expect(text[7].contains("Server/Cache.swift:12") && text[8].contains("Server/Frames.swift:12"), "\(text)")
    }
    var sorted = WatchState()
    for _ in 0..<3 { _ = sorted.press(.character("s"), pageRows: 5) }
    #expect(sorted.order == .age)
  }

  @Test("Keys sort, filter, freeze, scroll and quit")
  func keys() throws {
    var state = WatchState()
    for order in [WatchState.Order.growth, .count, .age, .bytes] {
      #expect(state.press(.character("s"), pageRows: 5) == nil)
      #expect(state.order == order)
    }
    for key in "/Frames" { _ = state.press(.character(key), pageRows: 5) }
    #expect(state.isTypingFilter && state.filter == "Frames")
    #expect(try screen(state).last == "filter: Frames_   (enter: keep, esc: show all)")
    _ = state.press(.enter, pageRows: 5)
    #expect(try screen(state).joined().contains("next(of:)") && !screen(state).joined().contains("load"))
    _ = state.press(.escape, pageRows: 5)
    #expect(state.filter == "" && !state.isTypingFilter)
    _ = state.press(.character("f"), pageRows: 5)
    #expect(state.isFrozen)
    #expect(try screen(state)[0].hasSuffix("  FROZEN"))
    _ = state.press(.pageDown, pageRows: 5)
    #expect(state.firstRow == 5)
    state.clampFirstRow(rowCount: 7, pageRows: 5)
    #expect(state.firstRow == 2)
    _ = state.press(.up, pageRows: 5)
    #expect(state.firstRow == 1)
    #expect(state.press(.character("w"), pageRows: 5) == .writeSnapshot)
    #expect(state.press(.character("q"), pageRows: 5) == .quit)
  }

  @Test("A letter that is typed into the filter is no command")
  func typedLetters() {
    var state = WatchState()
    for key in "/qf" { #expect(state.press(.character(key), pageRows: 5) == nil) }
    #expect(state.filter == "qf" && !state.isFrozen)
    _ = state.press(.backspace, pageRows: 5)
    #expect(state.filter == "q")
  }

  @Test("Growth is that of the last minute, for each line of code")
  func growth() throws {
    func lines(_ byteCount: Int) -> [LineTotals] {
      MadeSnapshot(lines: [.init(file: "A/a.swift", count: 1, byteCount: byteCount)]).snapshot.liveLines
    }
    let second: UInt64 = 1_000_000_000
    var growth = WatchGrowth()
    #expect(growth.growth(of: lines(100), at: 0).isEmpty)
    #expect(Array(growth.growth(of: lines(300), at: 30 * second).values) == [200])
    #expect(Array(growth.growth(of: lines(700), at: 65 * second).values) == [600])
    // What was there at the beginning is more than a minute ago.
    #expect(Array(growth.growth(of: lines(700), at: 95 * second).values) == [400])
  }

  @Test(
    "A curve shows the greatest value of each part, from the lowest bar to the highest",
    arguments: [
      ([], 8, ""), ([5], 8, "▁"), ([5, 5, 5], 8, "▁▁▁"), ([0, 7], 8, "▁█"), ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
      ([0, 9, 0, 0], 2, "█▁"), ([Int.min, Int.max], 2, "▁█"), ([1, 2], 0, ""),
    ] as [([Int], Int, String)])
  func curve(values: [Int], width: Int, text: String) {
    #expect(Sparkline.text(values, width: width) == text)
  }
}

@Suite("leak-audit watch")
struct WatchCommandTests {
  @Test("If standard output is no terminal, a line is printed, and the watch of a file ends")
  func lines() throws {
    let folder = try ScratchFolder()
    let file = try folder.write(
      MadeSnapshot(lines: [.init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000)]), "snapshot")
    let outcome = try Command.run("leak-audit", ["watch", file])
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    #expect(
      outcome.output.replacing(/^[0-9:]{8}/, with: "TIME")
        == "TIME  live 3 of 2.86 MiB  idle 0 bytes  most: Server/Cache.swift:12 in load(_:)\n")
  }

  @Test("A file that cannot be read is named, and the exit code is 2")
  func unreadable() throws {
    let outcome = try Command.run("leak-audit", ["watch", "/no/such/file"])
    #expect(outcome.exitCode == 2 && outcome.errors.hasPrefix("leak-audit: there is no file \"/no/such/file\""))
  }
}
