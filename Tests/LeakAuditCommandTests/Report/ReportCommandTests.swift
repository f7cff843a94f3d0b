// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditCommands
import TestSupport
import Testing

@testable import LedgerReading

@Suite("leak-audit report")
struct ReportCommandTests {
  private let cache = MadeSnapshot.Line(
    file: "Server/Cache.swift", count: 3, byteCount: 3_000_000, ageBand: 4, oldestAge: 3_792)
  private let frames = MadeSnapshot.Line(
    file: "Video/Frames.swift", function: "next(of:)", count: 9, byteCount: 90_000, ageBand: 1, oldestAge: 12)

  /// What a report of a file says in the place of the table of the memory.
  private static let noMemory =
    "memory: not known, because only a file was read. `leak-audit report` finds out where the memory of a process is "
    + "while it runs.\n"

  private func report(_ made: MadeSnapshot, _ options: String...) throws -> Command.Outcome {
    let folder = try ScratchFolder()
    return try Command.run("leak-audit", ["report", folder.write(made, "snapshot")] + options)
  }

  @Test("What a process had at its own end is a note, with its lines, what it means, and what to do next")
  func ended() throws {
    let outcome = try report(MadeSnapshot(lines: [cache, frames], idleByteCount: 4_096))
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    #expect(
      outcome.output == """
        server (process 4211) on web-3, ended by a regular exit; snapshot taken 2023-11-14 22:25:25 UTC
        live 12 of 2.95 MiB, idle 4.00 KiB

        live memory by line of code
             bytes  count  oldest     line of code
          2.86 MiB      3  1 h 3 min  Server/Cache.swift:12 in load(_:)
          87.9 KiB      9  12 s       Video/Frames.swift:12 in next(of:)

        findings
          note: held: 12 of 2.95 MiB, size class 48
            still live when the process ended: a global variable or a cache, another reference, or a retain cycle
            3 × Server/Cache.swift:12 in load(_:), 2.86 MiB, oldest 1 h 3 min
            9 × Video/Frames.swift:12 in next(of:), 87.9 KiB, oldest 12 s
            next: Find what still referred to them: a global variable, a cache, a closure, or two objects that \
        referred to each other. If they are meant to stay, let a ResourceCache hold them, create them in a \
        ProcessLifetime.scope, or name them in a suppression file.

        \(Self.noMemory)books: not compared, and so orphans and ghosts were not looked for: the process was not asked \
        for the allocator's counts while it ran. The ledger's own figures are exact.
        verdict: clean, with notes. No finding counts; see the notes above.

        """)
  }

  @Test("The report in the README is one that the command prints")
  func readme() throws {
    var held = cache
    held.keeper = .cache
    var made = MadeSnapshot(lines: [held, frames], idleByteCount: 4_096)
    (made.status, made.isRunning, made.books, made.booksByteCount) = (.inUse, true, (13, 12, 1), 3_100_000)
    made.age = 4_000
    let outcome = try report(made)
    let path = TypeChecker.packageRoot.appendingPathComponent("README.md").path
    let readme = try String(contentsOfFile: path, encoding: .utf8)
    // The report there is of a process that runs, and this one is of a snapshot.
    let text = outcome.output.replacing(Self.noMemory, with: "").replacing(
      "; snapshot taken 2023-11-14 23:20:00 UTC, 1 h 6 min after its ledger was made",
      with: ", ledger made 1 h 6 min ago")
    #expect(outcome.exitCode == 0 && readme.contains("```text\n\(text)```\n"), "\(outcome.output)")
    #expect(text != outcome.output)
  }

  @Test("Domains that are no arenas are named, with both numbers and the age of their own one, as not compared")
  func otherDomains() throws {
    var made = MadeSnapshot(lines: [frames])
    (made.status, made.isRunning) = (.inUse, true)
    made.domains = [
      ("textures", 3, (3, 700)), ("file descriptors", 4, (9, 714)), ("silent", 2, nil), ("empty", 0, nil),
      ("gone", 0, (1, 1)),
    ]
    let text = """

      other domains: not compared, because only the process itself can ask them for their counts, by an audit of its \
      own.
        "file descriptors" (custom): 4 live in the ledger; its own count was 9, taken 12 s ago
        "gone" (custom): 0 live in the ledger; its own count was 1, taken 12 min 5 s ago
        "textures" (custom): 3 live in the ledger; its own count was 3, taken 26 s ago
        "silent" (custom): 2 live in the ledger; it has not counted itself
      verdict:
      """
    let output = try report(made).output
    #expect(output.contains(text), "\(output)")
    let short = try report(made, "--top", "1").output
    #expect(short.contains("taken 12 s ago\n  … and 3 more domains; --top 4 shows all of them\nverdict:"), "\(short)")
    (made.status, made.isRunning) = (.ended, false)
    #expect(try report(made).output.contains("its own count was 9, taken 12 s before the end\n"))
    let json = try report(made, "--format", "json").output
    #expect(json.contains(/"census" : 9,\n *"censusAge" : 12,\n *"kind" : "custom",\n *"liveCount" : 4/), "\(json)")
    let without = try report(MadeSnapshot(lines: [frames])).output
    #expect(!without.contains("other domains"))
    // No number of a file causes a trap.
    made.domains = [("hostile", 1, (Int.min, Int.max))]
    #expect(try report(made).exitCode == 0)
  }

  @Test("What is kept on purpose is in the sums, is named, and is no finding")
  func kept() throws {
    var (held, global) = (cache, frames)
    (held.keeper, global.keeper) = (.cache, .process)
    let outcome = try report(MadeSnapshot(lines: [held, global]), "--fail-on", "held,old", "--min-age", "1s")
    #expect(outcome.exitCode == 0)
    #expect(
      outcome.output.hasPrefix(
        "server (process 4211) on web-3, ended by a regular exit; snapshot taken 2023-11-14 22:25:25 UTC\nlive 12 of "
          + "2.95 MiB, idle 0 bytes\nkept on purpose: 3 of 2.86 MiB held by a cache, "
          + "9 of 87.9 KiB of process lifetime\n\n"
      ), "\(outcome.output)")
    #expect(outcome.output.hasSuffix(" figures are exact.\nverdict: clean. Nothing was found.\n"))
    let document = try report(MadeSnapshot(lines: [held]), "--format", "json").output
    #expect(document.contains(/"heldByCache" : {\n *"byteCount" : 3000000,\n *"count" : 3/), "\(document)")
  }

  @Test("The growth of a short time is told as it was, with that time, by report, list and watch alike")
  func growth() throws {
    var made = MadeSnapshot(lines: [frames])
    made.history = [(1, 109 << 20), (12, 9 << 20)].map { second, byteCount in
      HistorySample(
        second: second, pressure: 0, liveCount: 1, liveByteCount: byteCount, idleByteCount: 0, residentSet: 0,
        disposedCount: 0, rescuedCount: 0, budgetByteCount: 0)
    }
    #expect(try report(made).output.contains("\nlive 9 of 87.9 KiB, idle 0 bytes, growth -100 MiB in 11 s\n"))
    let json = try report(made, "--format", "json").output
    #expect(json.contains(/"growth" : {\n *"byteCount" : -104857600,\n *"seconds" : 11/), "\(json)")
    let folder = try ScratchFolder()
    let watch = try Command.run("leak-audit", ["watch", folder.write(made, "snapshot")])
    #expect(watch.output.contains("  -100 MiB in 11 s  most: "), "\(watch.output)")
    made.history[1].second = 10
    #expect(try !report(made).output.contains("growth"))
  }

  @Test("A line's age is that of its oldest resource, in whatever order the ledger has them", arguments: [false, true])
  func oldest(isReversed: Bool) throws {
    var young = cache
    (young.ageBand, young.oldestAge) = (1, 12)
    let output = try report(MadeSnapshot(lines: isReversed ? [young, cache] : [cache, young])).output
    #expect(output.contains("  5.72 MiB      6  1 h 3 min  Server/Cache.swift:12 in load(_:)\n"), "\(output)")
    #expect(output.contains("6 × Server/Cache.swift:12 in load(_:), 5.72 MiB, oldest 1 h 3 min\n"), "\(output)")
  }

  @Test("What a killed process had is live when it died, and not called a leak")
  func killed() throws {
    var made = MadeSnapshot(lines: [cache])
    made.status = .inUse
    let outcome = try report(made)
    #expect(outcome.exitCode == 0)
    #expect(outcome.output.contains("note: live: 3 of 2.86 MiB") && outcome.output.contains("so this is no leak"))
    #expect(!outcome.output.contains("held"))
  }

  @Test("What a running process has live is no finding, unless its age is asked for")
  func running() throws {
    var made = MadeSnapshot(lines: [cache, frames])
    (made.status, made.isRunning, made.books) = (.inUse, true, (12, 12, 0))
    let plain = try report(made)
    #expect(plain.exitCode == 0 && plain.output.hasSuffix("verdict: clean. Nothing was found.\n"))
    let old = try report(made, "--min-age", "50m", "--fail-on", "old")
    #expect(old.exitCode == 1)
    #expect(old.output.contains("fault: old: 3 of 2.86 MiB") && !old.output.contains("9 ×"))
    #expect(try report(made, "--min-age", "50m").exitCode == 0)
    let ageless = try report(made, "--fail-on", "held,old")
    #expect(ageless.exitCode == 64 && ageless.errors.contains("--fail-on old finds nothing without --min-age."))
  }

  @Test("If both books differ, orphans and ghosts are faults, with how sure that is")
  func differingBooks() throws {
    var made = MadeSnapshot(lines: [cache])
    (made.status, made.isRunning, made.books) = (.inUse, true, (6, 3, 1))
    let orphans = try report(made)
    #expect(orphans.exitCode == 1)
    #expect(
      orphans.output.contains(
        "\nbooks: they differ by 2 blocks of 96 bytes. The allocator has 6 blocks, the ledger 4 blocks.\n"),
      "\(orphans.output)")
    #expect(orphans.output.contains("fault: orphan: 2 of 96 bytes, size class 48, arena \"shared\""))
    #expect(try report(made, "--no-fail-on", "orphan").exitCode == 0)
    made.books = (1, 3, 0)
    let ghosts = try report(made)
    #expect(ghosts.exitCode == 1 && ghosts.output.contains("fault: ghost: 2 of 96 bytes"))
    made.books = nil
    let unknown = try report(made)
    #expect(unknown.exitCode == 0 && unknown.output.contains("\nbooks: not compared, and so orphans and ghosts"))
  }

  @Test("The report says when the process counted both books, if that was not just now, and what its answer lacks")
  func ageOfBooks() throws {
    var made = MadeSnapshot(lines: [cache])
    (made.status, made.isRunning, made.books) = (.inUse, true, (3, 3, 0))
    let books = "\nbooks: they agree. The allocator and the ledger each have 3 blocks of 144 bytes."
    made.answerAge = 0.9
    #expect(try report(made).output.contains(books + "\nverdict: clean."))
    made.answerAge = 1
    let unanswered = " The process counted this 1 s ago, and did not answer now.\n"
    #expect(try report(made).output.contains(books + unanswered))
    made.isRunning = false
    let last = " The process counted this for the last time 1 s before this report.\n"
    #expect(try report(made).output.contains(books + last))
    made.answerIsComplete = false
    let incomplete = try report(made)
    #expect(incomplete.output.contains(books + " Not all size classes had room in the process's answer." + last))
    #expect(incomplete.exitCode == 2, "\(incomplete.output)")
  }

  @Test("The report says by how much ages may be too large, if that is more than usual")
  func agesTooLarge() throws {
    var made = MadeSnapshot(lines: [cache])
    made.longestGap = 5
    #expect(try !report(made).output.contains("Ages may be"))
    made.longestGap = 6
    let caveat = "Ages may be too large by at most 6 s: for so long, the process's clock for them once stood still.\n"
    #expect(try report(made).output.contains("\n" + caveat))
    made.lines = []
    #expect(try !report(made).output.contains("Ages may be"))
  }

  @Test("Options say which findings count: strict, kinds, small ones, files of one's own, and suppressions")
  func options() throws {
    var made = MadeSnapshot(lines: [cache, frames])
    made.rescuedCount = 2
    #expect(try report(made).exitCode == 0)
    #expect(try report(made, "--strict").exitCode == 1)
    #expect(try report(made, "--strict", "--no-fail-on", "held,rescued").exitCode == 0)
    #expect(try report(made, "--fail-on", "held").exitCode == 1)
    #expect(try report(made, "--fail-on", "held", "--min-bytes", "3m").exitCode == 0)
    #expect(try report(made, "--fail-on", "held", "--only", "Audio/*").exitCode == 0)
    let own = try report(made, "--fail-on", "held", "--only", "Video/*")
    #expect(own.exitCode == 1)
    #expect(own.output.contains("fault: held: 9 of") && own.output.contains("note: held: 3 of"))

    let folder = try ScratchFolder()
    let known = """
      held Server/* * at most 3 because the cache lives as long as the server
      held Video/* * because of frames that are shown
      ghost Old/* * because it was once so
      """
    let file = try folder.write(Array(known.utf8), "known")
    let suppressed = try report(made, "--fail-on", "held", "--suppress", file)
    #expect(suppressed.exitCode == 0 && !suppressed.output.contains("fault: "), "\(suppressed.output)")
    #expect(suppressed.output.hasSuffix("\(file):3: this suppression matched nothing. Remove it if that stays so.\n"))
  }

  @Test("What rules leave out is counted, with each rule and its reason, as text and as JSON")
  func leftOut() throws {
    let folder = try ScratchFolder()
    let known = """
      held Server/* * at most 3 because the cache lives as long as the server
      held Video/* * because of frames that are shown
      """
    let file = try folder.write(Array(known.utf8), "known")
    let made = MadeSnapshot(lines: [cache, frames])
    let text = try report(made, "--suppress", file).output
    #expect(
      text.contains(
        """
        left out by rules of suppression files: 12 of 2.95 MiB
          held: 3 of 2.86 MiB, by \(file):1 because the cache lives as long as the server
          held: 9 of 87.9 KiB, by \(file):2 because of frames that are shown

        """), "\(text)")
    #expect(text.contains("\nverdict: clean. Nothing was found but what rules leave out.\n"), "\(text)")
    let outcome = try report(made, "--suppress", file, "--format", "json")
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    let rows = try #require((document?["report"] as? [String: Any])?["suppressed"] as? [[String: Any]])
    #expect(rows.map { $0["count"] as? Int } == [3, 9] && rows.map { $0["byteCount"] as? Int } == [3_000_000, 90_000])
    #expect(rows.allSatisfy { $0["file"] as? String == file && $0["kind"] as? String == "held" })
    #expect(rows.map { $0["line"] as? Int } == [1, 2])
    #expect(rows.last?["reason"] as? String == "of frames that are shown")
  }

  @Test("Options say what is shown, and do not change the exit code")
  func shown() throws {
    let made = MadeSnapshot(lines: [cache, frames])
    let top = try report(made, "--top", "1", "--units", "bytes", "--fail-on", "held")
    #expect(top.exitCode == 1 && top.output.contains("  3,000,000      3"))
    #expect(top.output.contains("  … and 1 more line of code; --top 2 shows all of them"))
    let site = try report(made, "--site", "Frames.swift:12", "--fail-on", "held")
    #expect(site.exitCode == 1 && !site.output.contains("Cache.swift"), "\(site.output)")
    let finding =
      "\n    9 × Video/Frames.swift:12 in next(of:), 87.9 KiB, oldest 12 s\n    "
      + "… and 1 line of code that does not match --site\n"
    #expect(site.output.contains("fault: held: 12 of 2.95 MiB") && site.output.contains(finding), "\(site.output)")
    let none = try report(made, "--site", "Audio/*", "--fail-on", "held")
    #expect(none.exitCode == 1)
    func expectNoLine(_ outcome: Command.Outcome, _ text: String) {
      #expect(outcome.output.contains("live memory by line of code\n  \(text)\n\n"), "\(outcome.output)")
    }
    expectNoLine(none, "--site leaves no line; without it there are 2 lines of code")
    expectNoLine(
      try report(made, "--min-bytes", "1g"), "--min-bytes leaves no line; without it there are 2 lines of code")
    expectNoLine(
      try report(MadeSnapshot(lines: [cache]), "--site", "Audio/*", "--min-bytes", "1g"),
      "--site and --min-bytes leave no line; without them there is 1 line of code")
    let large = try report(made, "--min-bytes", "1m", "--units", "bytes")
    #expect(large.output.contains("  3,000,000      3") && !large.output.contains("Frames.swift"))
    #expect(try report(made, "--color", "always").output.contains("\u{1B}["))
    #expect(try !report(made, "--color", "auto").output.contains("\u{1B}["))
  }

  @Test("JSON has the same verdict, findings and lines")
  func document() throws {
    let outcome = try report(MadeSnapshot(lines: [cache]), "--format", "json", "--fail-on", "held")
    #expect(outcome.exitCode == 1)
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    let report = try #require(document?["report"] as? [String: Any])
    #expect(report["verdict"] as? String == "faults")
    #expect((report["findings"] as? [[String: Any]])?.first?["counts"] as? Bool == true)
    let line = try #require((report["lines"] as? [[String: Any]])?.first)
    #expect(line["byteCount"] as? Int == 3_000_000 && line["oldestAge"] as? Int == 3_792)
    let finding = ((report["findings"] as? [[String: Any]])?.first?["finding"] as? [String: Any])
    #expect((finding?["sites"] as? [[String: Any]])?.first?["oldestAge"] as? Int == 3_792)
  }

  @Test("A report that cannot be written is an error; a reader that goes away is none")
  func writing() throws {
    let folder = try ScratchFolder()
    let file = try folder.write(MadeSnapshot(lines: [cache]), "snapshot")
    let full = try Command.run("/bin/sh", ["-c", "\"$0\" report \"$1\" >/dev/full", Command.path("leak-audit"), file])
    #expect(full.exitCode == 2 && full.errors.contains("could not be written: no space left on device."))
    let closed = try Command.run(
      "/bin/bash", ["-c", "set -o pipefail; \"$0\" report \"$1\" | true", Command.path("leak-audit"), file])
    #expect(closed.exitCode == 0 && closed.errors == "")
  }
}
