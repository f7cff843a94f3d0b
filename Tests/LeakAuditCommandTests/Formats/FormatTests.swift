// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditCommands
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Forms of reports for other programs")
struct FormatTests {
  private static let libraries = "needs Python with jsonschema, prometheus_client, sarif_pydantic and junitparser"

  private static let cache = MadeSnapshot.Line(
    file: "Server/Cache.swift", count: 3, byteCount: 3_000_000, ageBand: 4, oldestAge: 3_792)
  private static let frames = MadeSnapshot.Line(
    file: "Video/Frames.swift", function: "next(of:)", count: 9, byteCount: 90_000, ageBand: 1, oldestAge: 12)

  private static var made: MadeSnapshot {
    var made = MadeSnapshot(lines: [cache, frames], idleByteCount: 4_096)
    made.rescuedCount = 2
    return made
  }

  /// A process in which every name is made to break a form.
  static var hostile: MadeSnapshot {
    let names = [
      "</failure><script>alert(1)</script>", "\"\u{338} onload=\"x", "a;b c;9", "line\nbreak", "\u{202E}txt.exe",
      "\\\"quoted\\\"", "{{name}} {{{name}}}", "back\\slash", "%SRCROOT%/../../etc/passwd", "\u{0}\u{1B}[31m",
      String(repeating: "long name ", count: 410), "日本語.swift", "]]>", "&amp;",
    ]
    var made = MadeSnapshot()
    made.command = "\u{1B}]0;\"<b>"
    made.lines = names.map { .init(file: "Module/\($0)", function: $0, count: 1, byteCount: 100) }
    return made
  }

  private static func report(_ snapshot: LedgerSnapshot, _ form: String, _ options: String...) throws -> String {
    let folder = try ScratchFolder()
    let words = ["report", try folder.write(snapshot, "snapshot"), "--format", form] + options
    let outcome = try Command.run("leak-audit", words)
    #expect(outcome.errors == "")
    return outcome.output
  }

  // MARK: JSON

  @Test(
    "Reports in JSON have exactly the fields of the schema, whatever was found",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func json() throws {
    var all = Self.made
    (all.status, all.isRunning, all.books) = (.inUse, true, (13, 12, 1))
    all.domains = [("textures", 3, (3, 700)), ("silent", 2, nil)]
    all.peak = (100, 9, 9_000_000)
    all.failedAllocation = (200, 1 << 40)
    for snapshot in [all.snapshot, Self.made.snapshot, Self.hostile.snapshot, MadeSnapshot().snapshot] {
      let folder = try ScratchFolder()
      let rules = try folder.write(Array("held Video/* * because frames are kept\n".utf8), "rules")
      for options in [[], ["--min-age", "1s", "--suppress", rules, "--site", "e"]] {
        let file = try folder.write(snapshot, "snapshot")
        let outcome = try Command.run("leak-audit", ["report", file, "--format", "json"] + options)
        #expect(outcome.errors == "")
        #expect(try FormatConsumer.read("json", outcome.output).array.map(\.text) == [])
      }
    }
    // Without a buffer, this process may have no ledger yet.
    let buffer = try NativeBuffer(byteCount: 1_000)
    defer { buffer.dispose() }
    let own = try Command.run("leak-audit", ["report", "\(getpid())", "--format", "json"])
    #expect(own.errors == "")
    #expect(try FormatConsumer.read("json", own.output).array.map(\.text) == [])
  }

  // MARK: Folded stacks

  @Test("Folded stacks have a line for each line of code, from the process to the line, with its live bytes")
  func folded() throws {
    #expect(
      try Self.report(Self.made.snapshot, "folded") == """
        server (process 4211) on web-3;arena shared;Server/Cache.swift;load(_:) line 12 3000000
        server (process 4211) on web-3;arena shared;Video/Frames.swift;next(of:) line 12 90000

        """)
    #expect(
      try Self.report(Self.made.snapshot, "folded", "--site", "Frames").split(separator: "\n").map(String.init)
        == ["server (process 4211) on web-3;arena shared;Video/Frames.swift;next(of:) line 12 90000"])
  }

  @Test("Each line of folded stacks has four frames and a number, whatever the names are")
  func hostileFolded() throws {
    let lines = try Self.report(Self.hostile.snapshot, "folded").split(separator: "\n")
    #expect(lines.count == Self.hostile.lines.count)
    for line in lines {
      #expect(line.split(separator: ";").count == 4 && line.hasSuffix(" 100"), "\(line)")
      #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }
  }

  // MARK: SARIF

  @Test(
    "A SARIF reader gets a result for each line of code of each finding; what counts is an error",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func sarif() throws {
    let report = try Self.report(Self.made.snapshot, "sarif", "--fail-on", "held")
    let results = try FormatConsumer.read("sarif", report).array
    #expect(results.map(\.rule.text) == ["held", "held", "rescued"])
    #expect(results.map(\.level.text) == ["error", "error", "note"])
    #expect(
      results.map { $0.uris[0].text } == [
        "Sources/Server/Cache.swift", "Sources/Video/Frames.swift", "Sources/Server/Cache.swift",
      ])
    #expect(results.allSatisfy { $0.lines[0].number == 12 })
    #expect(results[0].message.text.hasPrefix("3 of 3,000,000 bytes, the oldest for 1 h 3 min: still live"))
  }

  @Test("SARIF names the file where the package has it, also if the module's name is not the target's")
  func sourceFiles() throws {
    let folder = try ScratchFolder()
    let files = [
      "Sources/my-server/Deep/Cache.swift", "Sources/Other/Cache.swift", ".build/checkouts/Server/Cache.swift",
      "Tests/ServerTests/Frames.swift",
    ]
    for file in files {
      let path = "\(folder.path)/\(file)"
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      _ = try folder.write([], file)
    }
    var (inTarget, inTests, nowhere) = (Self.cache, Self.frames, Self.cache)
    (inTarget.file, inTests.file, nowhere.file) = (
      "my_server/Cache.swift", "ServerTests/Frames.swift", "Server/Cache.swift"
    )
    let made = MadeSnapshot(lines: [inTarget, inTests, nowhere])
    let report = try Self.report(made.snapshot, "sarif", "--source-root", folder.path)
    for path in [files[0], files[3], "Sources/Server/Cache.swift"] {
      #expect(report.contains("\"uri\" : \"\(path)\""), "\(path)")
    }
  }

  @Test(
    "A SARIF reader understands every name, and no path leaves the package",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func hostileSARIF() throws {
    let results = try FormatConsumer.read("sarif", Self.report(Self.hostile.snapshot, "sarif")).array
    #expect(results.count == Self.hostile.lines.count)
    // A name with a slash in it is none of a file in a module.
    #expect(results.count { $0.uris.array.isEmpty } == Self.hostile.lines.count { $0.function.contains("/") })
    for result in results where !result.uris.array.isEmpty {
      let uri = result.uris[0].text
      #expect(uri.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && !uri.contains("\""), "\(uri)")
      #expect(!uri.split(separator: "/").contains(".."), "\(uri)")
    }
  }

  // MARK: JUnit

  @Test(
    "A JUnit reader gets a test for each line of code: failed if the finding counts, skipped if it is a note",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func junit() throws {
    let report = try Self.report(Self.made.snapshot, "junit", "--fail-on", "held")
    let tests = try FormatConsumer.read("junit", report).array
    #expect(tests.map(\.class.text) == ["leak-audit", "leak-audit.held", "leak-audit.held", "leak-audit.rescued"])
    #expect(tests.map { $0.results[0][0].text } == ["", "Failure", "Failure", "Skipped"])
    #expect(tests[1].name.text == "Server/Cache.swift:12 in load(_:)")
    #expect(
      tests[1].results[0][1].text == "held: 3 of 3,000,000 bytes at Server/Cache.swift:12 in load(_:)")
    #expect(tests[1].results[0][2].text.contains("next: Find what still referred to them"))
    #expect(report.contains("tests=\"4\" failures=\"2\" errors=\"0\" skipped=\"1\""))
  }

  @Test(
    "A JUnit reader gets every name as text, and a ledger that cannot be read whole is an error",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func hostileJUnit() throws {
    var snapshot = Self.hostile.snapshot
    snapshot.damage = [LedgerDamage(what: "<an entry>", count: 2, firstIndex: 7)]
    let tests = try FormatConsumer.read("junit", Self.report(snapshot, "junit")).array
    #expect(tests.count == 1 + Self.hostile.lines.count)
    #expect(tests[0].results[0][0].text == "Error" && tests[0].results[0][2].text == "<an entry>: 2 records")
    let names = tests.map(\.name.text)
    #expect(names.contains { $0.contains("</failure><script>alert(1)</script>:12") })
    #expect(names.contains { $0.contains("{{name}} {{{name}}}") } && names.contains { $0.contains("\"\u{338}") })
  }

  // MARK: Metrics

  @Test(
    "The parser of OpenMetrics gets the metrics with their types, units and labels",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func openMetrics() throws {
    var made = Self.made
    made.books = (13, 12, 0)
    let families = try FormatConsumer.read("openmetrics", Self.report(made.snapshot, "openmetrics")).array
    func family(_ name: String) -> FormatConsumer.Value? { families.first { $0.name.text == name } }
    let memory = try #require(family("native_buffers_memory_bytes"))
    #expect(memory.type.text == "gauge" && memory.unit.text == "bytes")
    let live = try #require(memory.samples.array.first { $0.labels.use.text == "live" })
    #expect(live.value.number == 3_090_000 && live.labels.domain.text == "shared" && live.labels.kind.text == "arena")
    #expect(live.labels.pid.text == "4211" && live.labels.command.text == "server")
    #expect(family("native_buffers_created")?.type.text == "counter")
    #expect(family("native_buffers_created")?.samples[0].name.text == "native_buffers_created_total")
    #expect(family("native_buffers_process")?.type.text == "info")
    let findings = try #require(family("native_buffers_findings")).samples.array
    #expect(findings.map(\.labels.kind.text).sorted() == ["held", "orphan", "rescued"])
    #expect(family("native_buffers_books_difference_blocks")?.samples[0].value.number == 1)
  }

  @Test("Lines of code beyond --top are one sample, so that a large program does not make a metric for each")
  func cardinality() throws {
    var made = MadeSnapshot()
    made.lines = (1...50).map { .init(file: "Module/File\($0).swift", count: 1, byteCount: $0 * 1_000) }
    let report = try Self.report(made.snapshot, "openmetrics", "--top", "3")
    let lines = report.split(separator: "\n").filter { $0.hasPrefix("native_buffers_line_live_bytes{") }
    #expect(lines.count == 4 && lines[0].contains("line=\"Module/File50.swift:12\"") && lines[0].hasSuffix(" 50000"))
    #expect(lines[3].contains("line=\"others\"") && lines[3].hasSuffix(" \((1...47).reduce(0, +) * 1_000)"))
  }

  @Test("Two arenas of one name are one sample, because two with the same labels would be refused")
  func sameName() throws {
    var made = Self.made
    made.domains = [("textures", 3, nil), ("textures", 4, nil)]
    let report = try Self.report(made.snapshot, "openmetrics")
    let lines = report.split(separator: "\n").filter {
      $0.hasPrefix("native_buffers_resources{") && $0.contains("textures")
    }
    #expect(lines.count == 1 && lines.first?.hasSuffix(" 7") == true)
  }

  @Test(
    "promtool has nothing against the metrics, whatever the names are",
    .enabled(if: FormatConsumer.promtool != nil, "needs promtool, of Debian's package prometheus"))
  func promtool() throws {
    for snapshot in [Self.made.snapshot, Self.hostile.snapshot] {
      let folder = try ScratchFolder()
      let file = try folder.write(Array(try Self.report(snapshot, "prometheus").utf8), "metrics")
      let outcome = try Command.run("/bin/sh", ["-c", "promtool check metrics <\"$0\"", file])
      #expect(outcome.exitCode == 0 && outcome.output == "" && outcome.errors == "", "\(outcome)")
    }
  }

  @Test(
    "The parser of OpenMetrics gets every name as it is",
    .enabled(if: FormatConsumer.hasLibraries, "\(libraries)"))
  func hostileMetrics() throws {
    let report = try Self.report(Self.hostile.snapshot, "openmetrics", "--top", "100")
    let families = try FormatConsumer.read("openmetrics", report).array
    let lines = try #require(families.first { $0.name.text == "native_buffers_line_live_bytes" }).samples.array
    let names = Set(lines.map(\.labels.function.text))
    #expect(lines.count == Self.hostile.lines.count)
    for line in Self.hostile.lines { #expect(names.contains(line.function.shownOnTerminals)) }
  }

  // MARK: Extremes

  @Test(
    "A ledger without a line, and one with many lines, are written in every form",
    arguments: [0, TestLength.choose(2_000, long: 65_535)])
  func extremes(lineCount: Int) throws {
    var snapshot = MadeSnapshot().snapshot
    for number in 0..<lineCount {
      let site = Site(file: "Module/File\(number).swift", line: 1, function: "make()")
      snapshot.sites.append(
        SnapshotSite(site: site, rescuedCount: 0, rescuedByteCount: 0, firstUse: 1, lastUse: 1))
      snapshot.sums.append(
        SnapshotSum(
          site: number + 1, domain: 1, bucket: 3, use: .live, keeper: .none, ageBand: 0, count: 1,
          byteCount: number + 1, capacity: number + 1))
    }
    let folder = try ScratchFolder()
    let file = try folder.write(snapshot, "snapshot")
    for (form, mark) in [("folded", "make() line 1"), ("sarif", "\"uri\" :"), ("junit", "<skipped")] {
      let outcome = try Command.run("leak-audit", ["report", file, "--format", form])
      #expect(outcome.exitCode == 0 && outcome.errors == "")
      #expect(outcome.output.components(separatedBy: mark).count == lineCount + 1, "\(form)")
    }
    for form in ["openmetrics", "prometheus", "json", "text"] {
      let outcome = try Command.run("leak-audit", ["report", file, "--format", form])
      #expect(outcome.exitCode == 0 && outcome.errors == "" && !outcome.output.isEmpty, "\(form)")
    }
  }

  // MARK: Where the report goes

  @Test("A report goes into a file by --output, and what was there is replaced; a ledger is not")
  func output() throws {
    let folder = try ScratchFolder()
    let snapshot = try folder.write(Self.made, "snapshot")
    let file = try folder.write(Array("old".utf8), "report")
    let outcome = try Command.run("leak-audit", ["report", snapshot, "--format", "folded", "-o", file])
    #expect(outcome.exitCode == 0 && outcome.output == "" && outcome.errors == "")
    #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix("server (process 4211)"))
    let ledger = LedgerImage().writeFile()
    defer { unsafe unlink(ledger) }
    let refused = try Command.run("leak-audit", ["report", snapshot, "-o", ledger])
    #expect(refused.exitCode == 2 && refused.errors.contains("ledger"))
    #expect(try Data(contentsOf: URL(filePath: ledger)) == Data(LedgerImage().bytes))
  }

  @Test("`run` has the same forms: every process of the command is in one report")
  func run() throws {
    let folder = try ScratchFolder()
    let file = "\(folder.path)/report.xml"
    let outcome = try Command.run(
      "leak-audit",
      ["run", "--format", "junit", "-o", file, "--", Command.path("leak-audit"), "demo"])
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    let text = try String(contentsOfFile: file, encoding: .utf8)
    #expect(text.contains("<testsuite name=\"leak-audit (process ") && text.hasSuffix("</testsuites>\n"))
  }
}
