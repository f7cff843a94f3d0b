// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation
import TestSupport
import Testing

@Suite("leak-audit demo")
struct DemoCommandTests {
  private func demo(_ arguments: String...) throws -> Command.Outcome {
    try Command.run("leak-audit", ["demo"] + arguments)
  }

  /// The text, with everything that differs from run to run replaced.
  private func steady(_ text: String) -> String {
    text.replacing(/[0-9.]+ seconds, [0-9.]+ pictures\/s/, with: "S seconds, R pictures/s")
      .replacing(/set: [0-9,]+ bytes; minor faults: [0-9,]+/, with: "set: P bytes; minor faults: F")
      .replacing(/dirty [0-9,]+, muzzy [0-9,]+, retained [0-9,]*[0-9]/, with: "dirty D, muzzy M, retained R")
  }

  @Test("A clean run prints pictures, figures, both books and the verdict, nothing on standard error, and exits with 0")
  func clean() throws {
    let folder = try PictureFolder()
    let outcome = try demo(folder.path)
    #expect(outcome.exitCode == 0)
    #expect(outcome.errors == "")
    let books = try #require(try DemoReport(demo(folder.path, "--format", "json").output).arenas.first)
    let ledger = books.live.count + books.idle.count
    #expect(books.allocatorCount == ledger && books.live.count == 0 && books.difference == 0)
    let lines = steady(outcome.output).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "pictures: 2 in S seconds, R pictures/s")
    #expect(lines[1] == "thumbnails: made in a temporary folder and removed; keep them with --output")
    #expect(lines[2] == "peak resident set: P bytes; minor faults: F")
    let buffers = lines[3].wholeMatch(of: /buffers: ([0-9]+) created, ([0-9]+) disposed, 0 rescued/)
    #expect(buffers.map { $0.1 == $0.2 } == true)
    #expect(lines[4] == "")
    #expect(lines[5] == "arena \"shared\"")
    let rows = [
      ("allocator live", books.allocatorCount), ("ledger live + idle", ledger), ("  live", 0),
      ("  idle", books.idle.count), ("difference", 0),
    ]
    for (line, (title, count)) in zip(lines[7...11], rows) {
      #expect(line.hasPrefix("  " + title.padding(toLength: 18, withPad: " ", startingAt: 0)), "\(line)")
      #expect(line.dropFirst(20).split(separator: " ").first == "\(count)", "\(line)")
    }
    #expect(
      lines[12].wholeMatch(of: /\ \ kept, no leak: idle [0-9,]+, dirty D, muzzy M, retained R, rounding 0/) != nil)
    #expect(lines[13...].joined(separator: "\n") == "\nverdict: clean. Both books agree, and nothing was left.\n")
  }

  @Test("Each injected fault is a finding of its own, with bytes and size class, and with its line if it has one")
  func injectedFaults() throws {
    let folder = try PictureFolder()
    let kinds = ["held", "rescued", "orphan", "ghost", "orphan"].flatMap { ["--plant", $0] }
    let outcome = try Command.run("leak-audit", ["demo", folder.path] + kinds)
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors == "")
    let findings = outcome.output.split(separator: "findings\n").last.map(String.init) ?? ""
    let expected = """
      __held: 1 of 1,000,000 bytes, size class 1,048,576
      ____live after the scope that should have released it: a live reference or a retain cycle
      ____1 × leak_audit/InjectedFault.swift:LINE in commit(), 1,000,000 bytes
      __orphan: 2 of 655,360 bytes, size class 327,680, arena "shared"
      ____the allocator has more than the ledger: memory allocated in the arena and never registered
      __ghost: 1 of 229,376 bytes, size class 229,376, arena "shared"
      ____the ledger has more than the allocator: memory freed behind the library's back
      ____1 × leak_audit/InjectedFault.swift:LINE in commit(), 200,000 bytes
      __rescued (note): 1 of 500,000 bytes
      ____released by deinit, never disposed: a forgotten dispose()
      ____1 × leak_audit/InjectedFault.swift:LINE in commit(), 500,000 bytes

      verdict: faults. See the findings above.

      """
    #expect(
      findings.replacing(/swift:[0-9]+/, with: "swift:LINE")
        == expected
        .replacing("____", with: "    ").replacing("__", with: "  "))
  }

  @Test(
    "Each fault alone gives exit code 1; a rescue gives 0, or 1 if the run is strict",
    arguments: [
      (["held"], 1, "faults"), (["orphan"], 1, "faults"), (["ghost"], 1, "faults"), (["rescued"], 0, "notes"),
      (["rescued", "--strict"], 1, "notes"), (["held", "--strict"], 1, "faults"),
    ] as [([String], Int32, String)])
  func exitCodes(arguments: [String], code: Int32, verdict: String) throws {
    let folder = try PictureFolder()
    let outcome = try Command.run("leak-audit", ["demo", folder.path, "--format", "json", "--plant"] + arguments)
    #expect(outcome.exitCode == code)
    let report = try DemoReport(outcome.output)
    #expect(report.verdict == verdict)
    #expect(report.findings.map(\.kind) == [arguments[0]])
    #expect(report.findings.first?.count == 1)
    if ["held", "rescued"].contains(arguments[0]) {
      #expect(report.findings.first?.sites.map(\.file) == ["leak_audit/InjectedFault.swift"])
    }
  }

  @Test("With --format json, standard output is one JSON text with verdict, findings, arenas and run")
  func json() throws {
    let folder = try PictureFolder()
    let outcome = try demo(folder.path, "--format", "json", "--strict")
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    let report = try DemoReport(outcome.output)
    #expect(report.verdict == "clean" && report.findings.isEmpty)
    #expect(report.arenas.map(\.difference) == [0])
    #expect(report.run.pictures == 2 && !report.run.drawn && report.run.failures.isEmpty)
    #expect(report.run.buffersCreated > 0 && report.run.buffersCreated == report.run.buffersDisposed)
    #expect(report.run.buffersRescued == 0)
    #expect(report.run.minorFaults > 0 && report.run.peakResidentSet > 1 << 20 && report.run.picturesPerSecond > 0)
  }

  @Test(
    "Files that cannot be decoded are named with a reason, all others are done; exit code 2, or 1 if there is a fault")
  func failures() throws {
    let folder = try PictureFolder()
    let whole = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    try folder.add("cut.jpg", whole.prefix(whole.count / 2))
    try folder.add("text.jpg", Data("this is a letter".utf8))
    try folder.add("empty.png", Data())
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("loop"), withDestinationURL: folder.url)
    let missing = folder.path + "-missing"
    let outcome = try demo(folder.path, missing, "--format", "json")
    #expect(outcome.exitCode == 2)
    let report = try DemoReport(outcome.output)
    #expect(report.verdict == "clean" && report.run.pictures == 2)
    #expect(report.arenas.map(\.difference) == [0] && report.run.buffersRescued == 0)
    let expected = ["/cut.jpg", "/empty.png", "/text.jpg"].map { folder.path + $0 } + [missing]
    #expect(report.run.failures.map(\.path) == expected)
    #expect(report.run.failures.map(\.reason).allSatisfy { !$0.isEmpty && !$0.contains("BitmapError") })
    #expect(
      outcome.errors.split(separator: "\n").map(String.init) == report.run.failures.map { "\($0.path): \($0.reason)" })
    #expect(try demo(folder.path, "--plant", "held").exitCode == 1)
  }

  @Test("Thumbnails are written to --output, in the same folders, 256 pixels wide")
  func output() throws {
    let folder = try PictureFolder()
    let output = folder.url.appendingPathComponent("made here").path
    let outcome = try demo(folder.path, "--output", output)
    #expect(outcome.exitCode == 0)
    #expect(outcome.output.contains("\nthumbnails: \(output)\n"))
    for name in ["one.jpg", "below/two.jpg"] {
      let thumbnail = try Bitmap(decodingFileAt: output + "/" + name)
      #expect(thumbnail.width == 256 && thumbnail.height == 160)
      thumbnail.dispose()
    }
  }

  @Test("Pictures whose names differ only in their extension have thumbnails of different names")
  func names() throws {
    let folder = try PictureFolder()
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    try folder.add("one.jpeg", picture)
    try folder.add("one.png", picture)
    let output = folder.url.appendingPathComponent("made here").path
    #expect(try demo(folder.path, "--output", output).exitCode == 0)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: output).sorted()
        == ["below", "one.jpeg.jpg", "one.jpg", "one.png.jpg"])
  }

  @Test("If the output folder cannot be made, an error names it, and nothing runs")
  func badOutput() throws {
    let outcome = try demo("--output", "/proc/nowhere/thumbnails")
    #expect(outcome.exitCode == 2)
    #expect(outcome.output == "")
    #expect(
      outcome.errors.hasPrefix("leak-audit: the folder for thumbnails, /proc/nowhere/thumbnails, cannot be made"))
  }

  @Test(
    "Only thumbnails of earlier runs are replaced, no other files, and the next run does not take them for pictures")
  func nothingIsReplaced() throws {
    let folder = try PictureFolder()
    let before = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    let outcome = try demo(folder.path, "--output", folder.path)
    #expect(outcome.exitCode == 2)
    #expect(outcome.errors.contains("would lie among the pictures of \(folder.path)"))
    #expect(try Data(contentsOf: folder.url.appendingPathComponent("one.jpg")) == before)

    let output = folder.url.appendingPathComponent("thumbnails")
    for _ in 0..<2 { #expect(try demo(folder.path, "--output", output.path).exitCode == 0) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: output.path).sorted() == ["below", "one.jpg"])

    try Data("my notes".utf8).write(to: output.appendingPathComponent("one.jpg"))
    #expect(try demo(folder.path, "--output", output.path).exitCode == 2)
    #expect(try String(contentsOf: output.appendingPathComponent("one.jpg"), encoding: .utf8) == "my notes")
  }

  @Test("The name of a picture does not have to be valid text, and messages show control characters by number")
  func strangeNames() throws {
    let folder = try PictureFolder()
    let name = Array(folder.path.utf8) + Array("/p\u{e9}".utf8.prefix(2)) + [0xFF, 0x2E, 0x6A, 0x70, 0x67, 0]
    let source = folder.path + "/one.jpg"
    let result = unsafe name.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe link(source, $0.baseAddress.unsafelyUnwrapped) }
    }
    #expect(result == 0)
    try folder.add("line\nbreak.txt", Data("no picture".utf8))
    let outcome = try demo(folder.path)
    #expect(outcome.output.hasPrefix("pictures: 3 in "))
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(outcome.errors.contains("line\\u{a}break.txt: "))
    #expect(outcome.exitCode == 2)
    // A thumbnail that stays needs a name that is text.
    let kept = try demo(folder.path, "--output", folder.path + "/made here")
    #expect(kept.output.hasPrefix("pictures: 2 in ") && kept.exitCode == 2)
    #expect(kept.errors.contains(": its name is not UTF-8 text, and a thumbnail's name must be."))
  }

  @Test("A pipe, a socket and a device are refused without opening them, and the message says what they are")
  func specialFiles() throws {
    let folder = try PictureFolder()
    #expect(unsafe mkfifo(folder.path + "/pipe.jpg", 0o600) == 0)
    let outcome = try demo(folder.path, "/dev/null")
    #expect(outcome.exitCode == 2)
    #expect(outcome.errors.contains("/pipe.jpg: is a pipe, which is no picture file"))
    #expect(outcome.errors.contains("/dev/null: is a device, which is no picture file"))
  }

  @Test(
    "The message about an unreadable folder has its path and the reason",
    .enabled(if: getuid() != 0, "Root may read everything."))
  func unreadableFolder() throws {
    let folder = try PictureFolder()
    let locked = folder.path + "/below"
    #expect(unsafe chmod(locked, 0) == 0)
    defer { _ = unsafe chmod(locked, 0o700) }
    let outcome = try demo(folder.path)
    #expect(outcome.exitCode == 2)
    #expect(
      outcome.errors == "\(locked): the folder cannot be read: permission denied. Look at the rights of the file, and "
        + "of the folders in its path.\n")
  }

  @Test("A report that cannot be written is an error, not a success")
  func fullDisk() throws {
    let folder = try PictureFolder()
    let outcome = try Command.run(
      "/bin/sh", ["-c", "exec \"$0\" demo \"$1\" >/dev/full", Command.path("leak-audit"), folder.path])
    #expect(outcome.exitCode == 2)
    #expect(outcome.errors.contains("the report could not be written: the disk is full."))
  }

  @Test("A terminal shows progress on standard error, and the progress is removed at the end")
  func progress() throws {
    let folder = try PictureFolder()
    let command = "\(Command.path("leak-audit")) demo \(folder.path) >/dev/null"
    let outcome = try Command.run("/usr/bin/env", ["script", "-qec", command, "/dev/null"])
    #expect(outcome.exitCode == 0)
    #expect(outcome.output.contains("[1/2] below/two.jpg") && outcome.output.contains("[2/2] one.jpg"))
    #expect(outcome.output.hasSuffix("\r\u{1B}[K"))
  }

  @Test("Ctrl-C ends the demo between two pictures; the books agree, and no folder is left behind")
  func interrupted() throws {
    let folder = try PictureFolder()
    let script = "exec timeout --preserve-status -s INT 1 \"$0\" demo --format json"
    let temporary = folder.url.appendingPathComponent("tmp")
    try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
    let outcome = try Command.run(
      "/bin/sh", ["-c", "TMPDIR=\"$1\"; export TMPDIR; \(script)", Command.path("leak-audit"), temporary.path])
    // On a fast machine the run may end before the signal.
    #expect([0, 130].contains(outcome.exitCode))
    #expect(try DemoReport(outcome.output).verdict == "clean")
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path) == [])
  }

  @Test("A mistake on the command line is explained, and the exit code is 64")
  func usage() throws {
    let outcome = try demo("--plant", "tulips")
    #expect(outcome.exitCode == 64)
    #expect(outcome.errors.contains("held") && outcome.errors.contains("ghost"))
  }
}
