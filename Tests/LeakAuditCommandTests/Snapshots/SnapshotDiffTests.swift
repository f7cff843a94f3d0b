// SPDX-License-Identifier: Apache-2.0

import LeakAuditCommands
import ResourceLedger
import TestSupport
import Testing

@Suite("leak-audit diff")
struct SnapshotDiffTests {
  private let before = MadeSnapshot(lines: [
    .init(file: "Server/Cache.swift", count: 2, byteCount: 2_000),
    .init(file: "Server/Gone.swift", count: 1, byteCount: 500),
    .init(file: "Server/Same.swift", count: 5, byteCount: 50),
    .init(file: "Server/Small.swift", count: 4, byteCount: 400),
  ])
  private let after = MadeSnapshot(
    lines: [
      .init(file: "Server/Cache.swift", count: 3, byteCount: 5_000),
      .init(file: "Server/New.swift", function: "store(_:for:)", count: 7, byteCount: 700),
      .init(file: "Server/Same.swift", count: 5, byteCount: 50),
      .init(file: "Server/Small.swift", count: 3, byteCount: 300),
    ], age: 800)

  @Test("Each line of code that changed is new, gone, grown or shrunk, with the greatest change first")
  func changes() {
    let diff = SnapshotDiff(from: before.snapshot.liveLines, to: after.snapshot.liveLines)
    #expect(diff.lines.map(\.change) == [.grown, .new, .gone, .shrunk])
    #expect(diff.lines.map(\.byteChange) == [3_000, 700, -500, -100])
    #expect(diff.lines.map(\.countChange) == [1, 7, -1, -1])
    #expect(diff.old == .init(count: 12, byteCount: 2_950) && diff.new == .init(count: 18, byteCount: 6_050))
  }

  private func diff(_ old: MadeSnapshot, _ new: MadeSnapshot, _ options: String...) throws -> Command.Outcome {
    let folder = try ScratchFolder()
    return try Command.run("leak-audit", ["diff", folder.write(old, "old"), folder.write(new, "new")] + options)
  }

  @Test("The command prints whose ledgers they are, a row for each line of code, and the sums")
  func text() throws {
    let outcome = try diff(before, after, "--units", "bytes")
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    #expect(
      outcome.output == """
        from  server (process 4211) on web-3, ended by a regular exit; snapshot taken 2023-11-14 22:25:25 UTC
        to    server (process 4211) on web-3, ended by a regular exit; snapshot taken 2023-11-14 22:26:40 UTC; 1 min \
        15 s later

                   bytes  count  now  bytes now  line of code
          grown   +3,000     +1    3      5,000  Server/Cache.swift:12 in load(_:)
          new       +700     +7    7        700  Server/New.swift:12 in store(_:for:)
          gone      -500     -1    0          0  Server/Gone.swift:12 in load(_:)
          shrunk    -100     -1    3        300  Server/Small.swift:12 in load(_:)
          all     +3,100     +6   18      6,050

        """)
  }

  @Test("Changes that options leave out are counted, so that nobody reads that nothing changed")
  func leftOut() throws {
    for options in [["--site", "Audio/*"], ["--min-bytes", "1g"]] {
      let outcome = try diff(before, after, options[0], options[1], "--fail-on-growth", "1k")
      let text = "\n\(options[0]) leaves no line; without it there are 4 changed lines\n"
      #expect(outcome.exitCode == 1 && outcome.output.contains(text), "\(outcome.output)")
    }
    #expect(try diff(before, before).output.contains("no line of code has another count or other bytes live\n"))
  }

  @Test(
    "More growth than is allowed makes the exit code 1",
    arguments: [("3100", 0), ("3099", 1), ("3k", 1), ("4k", 0), ("106%", 0), ("105%", 1)] as [(String, Int32)])
  func growth(limit: String, code: Int32) throws {
    let outcome = try diff(before, after, "--fail-on-growth", limit)
    #expect(outcome.exitCode == code)
    #expect(outcome.output.contains(code == 1 ? "live bytes grew by more than" : "live bytes did not grow by more"))
  }

  @Test("Nothing is growth if the sides are the same, even if none is allowed")
  func same() throws {
    let outcome = try diff(before, before, "--fail-on-growth", "0%")
    #expect(outcome.exitCode == 0)
    #expect(outcome.output.contains("no line of code has another count or other bytes live"))
  }

  @Test("Options choose the lines of code, and say how many are not shown")
  func options() throws {
    let outcome = try diff(before, after, "--top", "1", "--min-bytes", "500")
    #expect(outcome.output.contains("  … and 2 more lines of code; --top 3 shows all of them"))
    let own = try diff(before, after, "--only", "*/New.swift", "--fail-on-growth", "1k")
    #expect(own.exitCode == 0 && own.output.contains("store(_:for:)") && !own.output.contains("Cache"))
    let site = try diff(before, after, "--site", "Cache.swift:12", "--fail-on-growth", "1k")
    #expect(site.exitCode == 1 && site.output.contains("Cache") && !site.output.contains("New.swift"))
  }

  @Test("JSON has the sums, and each line of code on both sides")
  func document() throws {
    let outcome = try diff(before, after, "--format", "json", "--fail-on-growth", "1k")
    #expect(outcome.exitCode == 1)
    for text in [
      "\"exceedsGrowthLimit\" : true", "\"newTakenAt\" : 1700000800000000000", "\"change\" : \"grown\"",
      "\"byteCount\" : 5000",
    ] {
      #expect(outcome.output.contains(text), "\(text)")
    }
  }

  @Test(
    "A limit that is none, a missing side and a file that is no ledger are refused with what to do",
    arguments: [
      (["--fail-on-growth", "much"], 64, "Give a number of bytes that is not negative, such as 4096, 10k"),
      (["--fail-on-growth", "-5%"], 64, "Give a number of bytes that is not negative, such as 4096, 10k"),
      (["--min-bytes", "-1"], 64, "Give a number of bytes that is not negative, such as 4096"),
      (["--top", "-1"], 64, "--top must be at least 1."),
      (["--top", "0"], 64, "--top must be at least 1."),
    ] as [([String], Int32, String)])
  func mistakes(options: [String], code: Int32, text: String) throws {
    let folder = try ScratchFolder()
    let file = try folder.write(before, "old")
    let outcome = try Command.run("leak-audit", ["diff", file, file] + options)
    #expect(outcome.exitCode == code && outcome.errors.contains(text), "\(outcome.errors)")
  }

  @Test("A side that is missing, cut, or no ledger is named, and the exit code is 2")
  func unreadable() throws {
    let folder = try ScratchFolder()
    let file = try folder.write(before, "old")
    let bytes = try SnapshotFile.bytes(of: before.snapshot)
    let cases = [
      ("\(folder.path)/missing", "there is no file"),
      (try folder.write(Array(bytes.dropLast(9)), "cut"), "is cut short: its end is missing. Copy it again"),
      (try folder.write(Array("a letter".utf8), "letter"), "is neither a ledger nor a snapshot: it begins with"),
      (try folder.write([UInt8](), "empty"), "is empty. Check the path"),
      (folder.path, ": \"\(folder.path)\" is a folder. Name a ledger or a snapshot in it."),
      ("/dev/zero", "is a device. Name a ledger or a snapshot in a regular file."),
      (try folder.makePipe("pipe"), "is a pipe. Write what comes from it into a file, and name that file."),
      ("999999999", "there is no process 999999999"),
    ]
    for (path, text) in cases {
      let outcome = try Command.run("leak-audit", ["diff", file, path])
      #expect(outcome.exitCode == 2 && outcome.output == "", "\(path)")
      #expect(outcome.errors.hasPrefix("leak-audit: ") && outcome.errors.contains(text), "\(outcome.errors)")
    }
  }

  @Test("What is wrong with a damaged snapshot is said in plain words, with one full stop, and with what to do next")
  func damaged() throws {
    let folder = try ScratchFolder()
    let file = try folder.write(before, "old")
    let json = try Command.run("/bin/sh", ["-c", "gzip -dc <\"$0\"", file]).output
    // What is changed in the JSON, and what the message has.
    let cases = [
      (json, "letter", "is gzip, but no snapshot: its text is no JSON. Check the path;"),
      (json.replacing("\"sums\":[", with: "\"sum\":["), nil, "no snapshot: its field \"sums\" is missing."),
      (json.replacing("\"tornCount\":0", with: "\"tornCount\":\"\""), nil, "tornCount\" has a value of another kind."),
      (json.replacing("\"status\":\"ended\"", with: "\"status\":\"gone\""), nil, "\"status\" has a value that no"),
      (json.replacing("\"version\":1", with: "\"version\":9"), nil, "has version 9, and this program reads version 1."),
    ]
    let ledger = "SWLEDGER" + String(repeating: "\0", count: 5 << 20)
    for (text, other, message) in cases + [(json, ledger, "is a ledger that was compressed by gzip. Uncompress it")] {
      let path = try folder.write(Array((other ?? text).utf8), "changed")
      #expect(other != nil || text != json, "\(message)")
      #expect(try Command.run("/bin/sh", ["-c", "gzip -f \"$0\"", path]).exitCode == 0)
      let outcome = try Command.run("leak-audit", ["diff", file, path + ".gz"])
      #expect(outcome.exitCode == 2 && outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!outcome.errors.contains("..") && outcome.errors.hasSuffix(".\n"), "\(outcome.errors)")
    }
  }

  @Test("If only one side is redacted, the other one is redacted, too, so that lines match, and a warning says so")
  func redacted() throws {
    let folder = try ScratchFolder()
    let sides = try [before, after].map { made in
      try (folder.write(made, "\(made.age)"), folder.write(made.snapshot.redacted, "\(made.age)-redacted"))
    }
    let expected = try Command.run("leak-audit", ["diff", sides[0].1, sides[1].1])
    #expect(expected.exitCode == 0 && expected.errors == "" && expected.output.contains("+2.93 KiB"))
    for (old, new, side) in [(sides[0].1, sides[1].0, "earlier"), (sides[0].0, sides[1].1, "later")] {
      let outcome = try Command.run("leak-audit", ["diff", old, new])
      #expect(outcome.exitCode == 0 && outcome.output == expected.output)
      #expect(outcome.errors.hasPrefix("leak-audit: only the \(side) side is redacted, so the names of the"))
      #expect(outcome.errors.hasSuffix("To see names, take both snapshots without --redact.\n"), "\(outcome.errors)")
    }
  }
}
