// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import TestSupport
import Testing

@testable import LeakAuditCommands

@Suite("Reports on terminals of any width")
struct NarrowReportTests {
  private static let widths = [40, 60, 80, 120]

  private static let files = [
    "Server/Cache.swift", "Renderer/ThumbnailPipeline+Decoding.swift",
    "ImageProcessingService/VeryLongNameOfAFileThatHoldsEverything.swift", "A/b.swift",
  ]

  private static var made: MadeSnapshot {
    var made = MadeSnapshot(
      lines: files.enumerated().map { index, file in
        .init(
          file: file, function: "makeThumbnail(of:maximumWidth:maximumHeight:quality:)", count: 3 * index + 1,
          byteCount: 3_000_000 * (index + 1), oldestAge: 192)
      }, idleByteCount: 4_096)
    made.rescuedCount = 2
    made.age = 4_000
    made.peak = (second: 3_000, count: 40, byteCount: 90_000_000)
    return made
  }

  /// What a command prints on a terminal of so many columns.
  private func lines(_ command: String, columns: Int) throws -> [String] {
    let text = "stty cols \(columns); NO_COLOR=1 \(Command.path("leak-audit")) \(command)"
    let outcome = try Command.run("/usr/bin/env", ["script", "-qec", text, "/dev/null"])
    #expect(!outcome.output.contains("\u{1B}["))
    return outcome.output.components(separatedBy: "\r\n")
  }

  @Test("No line of a report is wider than the terminal, and file and line are always whole", arguments: widths)
  func report(columns: Int) throws {
    let folder = try ScratchFolder()
    let file = try folder.write(Self.made, "snapshot")
    let lines = try lines("report \(file)", columns: columns)
    let places = Self.files.map { "\($0):12" }
    for line in lines where line.count > columns {
      #expect(places.contains { $0.count > columns && line == $0 }, "\(line)")
    }
    // In the table of what is live, and in the finding; the first three are in the peak, too.
    for (index, place) in places.enumerated() {
      let count = lines.filter { $0.contains(place) }.count
      #expect(count >= (index < 3 ? 3 : 2), "\(place): \(lines.joined(separator: "\n"))")
    }
    #expect(lines.joined().contains("/b.swift:12 in make"))
    #expect(lines.joined(separator: " ").contains("11.4 MiB") && lines.joined(separator: " ").contains("3 min 12 s"))
  }

  @Test("If a report has no room for all columns, the count goes before the age")
  func droppedColumns() throws {
    let folder = try ScratchFolder()
    let cache = MadeSnapshot.Line(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000, oldestAge: 3_792)
    let file = try folder.write(MadeSnapshot(lines: [cache]), "snapshot")
    for (columns, row) in [
      (51, "  2.86 MiB      3  1 h 3 min  Server/Cache.swift:12"), (50, "  2.86 MiB  1 h 3 min  Server/Cache.swift:12"),
      (43, "  2.86 MiB  Server/Cache.swift:12"),
    ] {
      #expect(try lines("report \(file)", columns: columns).contains { $0.hasPrefix(row) }, "\(columns)")
    }
  }

  @Test("A difference of two snapshots keeps file and line whole, too", arguments: widths)
  func diff(columns: Int) throws {
    let folder = try ScratchFolder()
    let old = try folder.write(MadeSnapshot(), "old")
    let new = try folder.write(Self.made, "new")
    let lines = try lines("diff --top 3 --fail-on-growth 10k \(old) \(new)", columns: columns)
    let table = lines.drop { $0 != "" }
    let places = Self.files.map { "\($0):12" }
    #expect(lines.allSatisfy { $0.count <= columns || places.contains($0) }, "\(lines.joined(separator: "\n"))")
    for place in places.dropFirst() { #expect(table.contains { $0.contains(place) }, "\(place)") }
    #expect(table.joined().contains("+11.4 MiB") && lines.joined(separator: " ").contains("… and 1 more line of code"))
  }

  @Test("The list leaves out columns until it fits, and keeps what names the process", arguments: widths)
  func list(columns: Int) throws {
    let trial = try TrialProcess(["lines"])
    try trial.line()
    let lines = try lines("list", columns: columns)
    #expect(lines.allSatisfy { $0.count <= columns }, "\(lines.joined(separator: "\n"))")
    let row = try #require(lines.first { $0.split(separator: " ").first == "\(trial.id)" })
    #expect(row.hasSuffix("  ledger-trials") && row.contains(" 2.96 MiB "))
    // How much room the other columns leave depends on the other processes of the machine.
    if columns != 80 { #expect(lines[0].contains("idle bytes") == (columns > 80), "\(lines[0])") }
  }

  @Test("A path loses its first folders on a screen before the name of its file is shortened")
  func screen() {
    let site = Site(file: "Sources/Server/Cache.swift", line: 12, function: "load(_:)")
    #expect(site.text(atMost: 60) == "Sources/Server/Cache.swift:12 in load(_:)")
    #expect(site.text(atMost: 30) == "Sources/Server/Cache.swift:12")
    #expect(site.text(atMost: 28) == "…/Server/Cache.swift:12")
    #expect(site.text(atMost: 17) == "…/Cache.swift:12")
    #expect(site.text(atMost: 14) == "Cache.swift:12" && site.text(atMost: 9) == "Cach…t:12")
  }

  @Test("If a row has no room for file and line, they are below its figures, and the other rows keep their columns")
  func ownLine() {
    var table = TextTable([.right, .right, .left], dropping: [1])
    table.add(["bytes", "count", "line of code"])
    table.add(["10", "1"], Site(file: "A/b.swift", line: 7, function: "f()"))
    table.add(["2,000", "30"], Site(file: "Renderer/Pipeline.swift", line: 7, function: "f()"))
    #expect(
      table.lines(width: 30) == [
        "  bytes  count  line of code", "     10      1  A/b.swift:7", "  2,000     30",
        "    Renderer/Pipeline.swift:7",
      ])
    #expect(table.lines(width: 24).last == "Renderer/Pipeline.swift:7")
    #expect(
      table.lines(width: 34) == [
        "  bytes  line of code", "     10  A/b.swift:7 in f()", "  2,000  Renderer/Pipeline.swift:7",
      ])
  }
}
