// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import TestSupport
import Testing

@testable import LeakAuditCommands
@testable import LedgerReading

@Suite("The screen of leak-audit watch")
struct WatchScreenTests {
  private let made = MadeSnapshot(
    lines: [
      .init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000, ageBand: 1, oldestAge: 42),
      .init(file: "Server/Frames.swift", function: "next(of:)", count: 9, byteCount: 90_000, ageBand: 4),
    ], idleByteCount: 4_096)

  private func screen(
    _ state: WatchState, _ other: MadeSnapshot? = nil, columns: Int = 80, rows: Int = 16, units: ByteText = .auto
  ) throws -> [String] {
    let folder = try ScratchFolder()
    let reading = try WatchReading(.file(folder.write(other ?? made, "snapshot")), units: units)
    let growth = WatchGrowth.Seen(bytes: reading.lines.count > 1 ? [reading.lines[1].site: 1_024] : [:], seconds: 23)
    return WatchScreen(reading, growth: growth, units: units, style: .plain).text(state, rows: rows, columns: columns)
  }

  private static let taken = "snapshot taken 2023-11-14 22:25:25 UTC"

  @Test("The resident set of a snapshot is its own, although a process with its id runs now")
  func residentSetOfSnapshot() throws {
    var other = made
    (other.status, other.isRunning, other.processID) = (.inUse, true, Int(getpid()))
    #expect(try !screen(WatchState(), other).joined().contains("resident "))
    other.history = [
      HistorySample(
        second: 640, pressure: 0, liveCount: 1, liveByteCount: 1, idleByteCount: 0, residentSet: 5 << 20,
        disposedCount: 0, rescuedCount: 0, budgetByteCount: 0)
    ]
    #expect(try screen(WatchState(), other)[1].hasSuffix("   resident 5.00 MiB"))
  }

  @Test("The last reading of a process that has ended does not say how it ended, and a snapshot is read once")
  func ended() throws {
    var running = made
    (running.status, running.isRunning) = (.inUse, true)
    let folder = try ScratchFolder()
    let reading = try WatchReading(.file(folder.write(running, "snapshot")), units: .auto)
    #expect(reading.title == "server (process 4211) on web-3; \(Self.taken), 12 min 5 s after its ledger was made")
    #expect(!reading.mayChange)
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
    #expect(text[0] == "server (process 4211) on web-3; \(Self.taken)")
    #expect(try screen(WatchState(), columns: 100)[0].hasSuffix(", ended by a regular exit; \(Self.taken)"))
    #expect(text[1] == "live 12 of 2.95 MiB   idle 4.00 KiB")
    #expect(text[4] == "books: the process was never asked for the allocator's counts")
    #expect(text[6] == " [bytes]  count  growth, 23 s  oldest    line of code")
    #expect(text[7] == "2.86 MiB      3             -  42 s      Server/Cache.swift:12 in load(_:)")
    #expect(text[8] == "87.9 KiB      9     +1.00 KiB  over 1 h  Server/Frames.swift:12 in next(of:)")
    #expect(text[15] == "q quit  s sort  / filter  f freeze  w snapshot  h help")
  }

  private static let widths = [20, 24, 40, 60, 80, 200]

  @Test("No row is wider than the terminal, whatever is shown", arguments: widths, ByteText.allCases)
  func narrow(columns: Int, units: ByteText) throws {
    for state in ["", "h", "f", "s", "ss", "sss", "/Cache", "/no such line"].map(Self.state(after:)) {
      for made in [made, busy, MadeSnapshot()] {
        let text = try screen(state, made, columns: columns, units: units)
        #expect(text.allSatisfy { $0.count <= columns }, "\(text.joined(separator: "\n"))")
      }
    }
  }

  private static func state(after keys: String) -> WatchState {
    var state = WatchState()
    for key in keys { _ = state.press(.character(key), pageRows: 5) }
    return state
  }

  /// With a history, books, and long names and numbers.
  private var busy: MadeSnapshot {
    var made = made
    (made.status, made.isRunning, made.processID) = (.inUse, true, 4_194_303)
    (made.command, made.books, made.answerAge) = ("a-long-command!", (1_234_567, 1_234_000, 0), 754)
    made.history = (0..<90).map {
      HistorySample(
        second: 640 + $0, pressure: 0, liveCount: 1_000_000, liveByteCount: 33_177_600_000 + 1_000_000 * $0,
        idleByteCount: 0, residentSet: 44_177_600_000, disposedCount: 0, rescuedCount: 0, budgetByteCount: 0)
    }
    made.lines.append(
      .init(file: "Server/Sources/Pictures/Thumbnails.swift", count: 1_234_567, byteCount: 33_177_600_000, ageBand: 4))
    return made
  }

  @Test("The process id, the result of the books, and numbers with their units stay at every width", arguments: widths)
  func important(columns: Int) throws {
    for frozen in ["", "f"] {
      let text = try screen(Self.state(after: frozen), busy, columns: columns)
      #expect(text[0].contains("4194303"), "\(text[0])")
      #expect(text[0].hasSuffix("  FROZEN") == (frozen == "f"), "\(text[0])")
      #expect(text[1].hasPrefix("live ") && text[1].contains("30.9 GiB"), "\(text[1])")
      #expect(text[2].hasPrefix("live bytes  ▁") && text[3].hasPrefix("resident    ▁"), "\(text)")
      if columns >= 40 { #expect(text[2].hasSuffix(" 31.0 GiB") && text[3].hasSuffix(" 41.1 GiB"), "\(text)") }
      #expect(text[4].hasPrefix("books") && text[4].contains("differ") && text[4].contains("567"), "\(text[4])")
    }
    var agreeing = busy
    agreeing.books = (1_234_567, 1_234_566, 1)
    #expect(try screen(WatchState(), agreeing, columns: columns)[4].contains("agree"))
  }

  @Test("A narrow terminal shows fewer columns", arguments: widths)
  func columns(columns: Int) throws {
    let text = try screen(WatchState(), columns: columns)
    #expect(text.joined().contains("oldest") == (columns >= 60))
    if columns >= 60 { #expect(text[6].contains(columns < 80 ? "  in 23 s" : "  growth, 23 s"), "\(text[6])") }
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

  @Test("Growth is that of the last minute, or of a shorter time, for each line of code, with its seconds")
  func growth() throws {
    func lines(_ byteCount: Int) -> [LineTotals] {
      MadeSnapshot(lines: [.init(file: "A/a.swift", count: 1, byteCount: byteCount)]).snapshot.liveLines
    }
    var growth = WatchGrowth()
    func expect(_ byteCount: Int, at seconds: UInt64, _ bytes: [Int], in span: Int) {
      let seen = growth.growth(of: lines(byteCount), at: seconds * 1_000_000_000)
      #expect(Array(seen.bytes.values) == bytes && seen.seconds == span)
    }
    expect(100, at: 0, [], in: 0)
    expect(300, at: 30, [200], in: 30)
    expect(700, at: 65, [600], in: 65)
    // What was there at the beginning is more than a minute ago.
    expect(700, at: 95, [400], in: 65)
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
      outcome.output
        == "snapshot taken 2023-11-14 22:25:25 UTC  live 3 of 2.86 MiB  idle 0 bytes  "
        + "most: Server/Cache.swift:12 in load(_:)\n"
    )
  }

  @Test("A file that cannot be read is named, and the exit code is 2")
  func unreadable() throws {
    let outcome = try Command.run("leak-audit", ["watch", "/no/such/file"])
    #expect(outcome.exitCode == 2 && outcome.errors.hasPrefix("leak-audit: there is no file \"/no/such/file\""))
  }
}
