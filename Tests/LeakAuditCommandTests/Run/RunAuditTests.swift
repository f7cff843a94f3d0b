// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("What leak-audit run finds")
struct RunAuditTests {
  private func run(_ way: String, _ options: String...) throws -> Command.Outcome {
    try Command.run("leak-audit", ["run"] + options + ["--", Command.path("ledger-trials"), "ending", way])
  }

  private func script(_ text: String, _ options: String...) throws -> Command.Outcome {
    try Command.run(
      "leak-audit", ["run"] + options + ["--", "/bin/sh", "-c", text, Command.path("ledger-trials")])
  }

  @Test("A command that releases everything is clean, and the exit code is 0")
  func clean() throws {
    let outcome = try run("clean")
    #expect(outcome.exitCode == 0 && outcome.output == "")
    #expect(outcome.errors.contains(/\nledger-trials \(process [0-9]+\) on .*, ended by a regular exit\n/))
    #expect(outcome.errors.contains("\nlive 0 of 0 bytes"))
    #expect(outcome.errors.hasSuffix("\nverdict: clean. Nothing was found.\n"), "\(outcome.errors)")
  }

  @Test("A buffer that is live at the end is a fault, with its line of code")
  func held() throws {
    let outcome = try run("held", "--units", "bytes")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.contains("\n  fault: held: 1 of 1,000,000 bytes"), "\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        /1 × ledger_trials\/EndingTrial.swift:[0-9]+ in forget\(\), 1,000,000 bytes, age [0-9]+ s/))
    #expect(outcome.errors.contains("\n    still live when the process ended: "))
    #expect(outcome.errors.hasSuffix("\nverdict: faults. See the findings above.\n"))
  }

  @Test("Both books are compared as they were at the regular exit: an orphan and a ghost are faults")
  func orphanAndGhost() throws {
    let outcome = try run("faults", "--units", "bytes")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.contains("\n  fault: orphan: 1 of 327,680 bytes"), "\(outcome.errors)")
    #expect(outcome.errors.contains("\n  fault: ghost: 1 of "), "\(outcome.errors)")
    #expect(outcome.errors.contains("\nbooks: they differ by 2 blocks of "), "\(outcome.errors)")
    #expect(try run("clean").errors.contains("\nbooks: they agree. "))
  }

  @Test("Ages of a forked child, in which nothing refreshes the clock, are those of its regular exit")
  func ageInChild() throws {
    let outcome = try run("forkAndWait")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.contains(/in forget\(\), 977 KiB, age [23] s/), "\(outcome.errors)")
  }

  @Test("What a cache holds and what is of process lifetime is no leak: the report says how much it is")
  func kept() throws {
    let outcome = try run("kept")
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    // Each of the two caches has three values. Its own registrations are not counted.
    #expect(
      outcome.errors.contains(
        "\nkept on purpose: 6 of 2.86 MiB held by a cache, 5 of 977 KiB of process lifetime\n"), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix("\nverdict: clean. Nothing was found.\n"))
  }

  @Test("Besides what is kept on purpose, a buffer that is left is found, and only that one")
  func keptAndHeld() throws {
    let outcome = try run("keptAndHeld", "--units", "bytes")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.components(separatedBy: "fault: ").count == 2, "\(outcome.errors)")
    #expect(outcome.errors.contains("\n  fault: held: 1 of 1,000,000 bytes"), "\(outcome.errors)")
    #expect(outcome.errors.contains(" in forget(), 1,000,000 bytes") && !outcome.errors.contains("note: "))
    #expect(outcome.errors.contains(/let a ResourceCache hold it, create it in a ProcessLifetime\.scope,/))
  }

  @Test("Options say whether that counts, and what the exit code is then")
  func options() throws {
    #expect(try run("held", "--leak-exit-code", "9").exitCode == 9)
    #expect(try run("clean", "--leak-exit-code", "9").exitCode == 0)
    let unwanted = try run("held", "--no-fail-on", "held")
    #expect(unwanted.exitCode == 0 && unwanted.errors.contains("note: held: 1 of 977 KiB"), "\(unwanted.errors)")
    #expect(try run("held", "--min-bytes", "2m").exitCode == 0)
    #expect(try run("held", "--only", "Others/*").exitCode == 0)
  }

  @Test("A suppression with a reason covers the finding; one that covered nothing is named")
  func suppressions() throws {
    let folder = try ScratchFolder()
    let rules = "held */EndingTrial.swift forget() because this is a test\nheld Old.swift * because it was once so\n"
    let file = try folder.write(Array(rules.utf8), "known")
    let outcome = try run("held", "--suppress", file)
    #expect(outcome.exitCode == 0 && !outcome.errors.contains("fault: "), "\(outcome.errors)")
    #expect(outcome.errors.contains("\n  held: 1 of 977 KiB, by \(file):1 because this is a test\n"))
    #expect(outcome.errors.hasSuffix("\(file):2: this suppression matched nothing. Remove it if that stays so.\n"))
  }

  @Test("The command's own exit code is stronger than the audit's")
  func failing() throws {
    let outcome = try run("failing", "--leak-exit-code", "9")
    #expect(outcome.exitCode == 3)
    #expect(outcome.errors.contains("fault: held: 1 of"), "\(outcome.errors)")
  }

  @Test(
    "What a killed command had is live when it died, and no leak",
    arguments: [("killed", "SIGKILL", 137), ("aborting", "SIGABRT", 134)] as [(String, String, Int32)])
  func killed(way: String, signal: String, code: Int32) throws {
    let outcome = try run(way)
    #expect(outcome.exitCode == code)
    #expect(outcome.errors.hasPrefix("leak-audit: \(Command.path("ledger-trials")) was ended by \(signal)\n"))
    #expect(outcome.errors.contains("note: live: 1 of 977 KiB") && outcome.errors.contains("so this is no leak"))
    #expect(!outcome.errors.contains("held"), "\(outcome.errors)")
  }

  @Test("Every process of the tree that has a ledger is in the report")
  func tree() throws {
    let outcome = try script(#""$0" ending held & "$0" ending clean; "$0" ending killed; wait; exit 0"#)
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.components(separatedBy: "\nverdict: ").count == 4, "\(outcome.errors)")
    #expect(outcome.errors.components(separatedBy: "ended by a regular exit").count == 3)
    #expect(outcome.errors.components(separatedBy: "ended without a regular exit (a signal").count == 2)
  }

  @Test("A forked child that goes on has a report of its own")
  func forked() throws {
    let outcome = try run("fork")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.components(separatedBy: "\nverdict: clean. Nothing").count == 2, "\(outcome.errors)")
    #expect(outcome.errors.components(separatedBy: "\nverdict: faults.").count == 2)
  }

  @Test("A program that begins another one by exec is reported, too: what it had then is no leak")
  func exec() throws {
    let outcome = try run("exec")
    #expect(outcome.exitCode == 1)
    let parts = outcome.errors.components(separatedBy: ", went on as another program (exec)\n")
    try #require(parts.count == 2, "\(outcome.errors)")
    #expect(parts[0].contains("fault: held: 1 of") && parts[0].contains(" in forget()"))
    #expect(parts[1].contains("note: live: 1 of") && parts[1].contains(" in forgetBeforeExec()"))
    #expect(parts[1].contains("Its memory went with it, so nothing of it is a leak."))
    #expect(parts[1].hasSuffix("verdict: clean, with notes. No finding counts; see the notes above.\n"))
  }

  @Test("The file of a program that began another one by exec says so by itself, and how to see the other one")
  func fileBeforeExec() throws {
    let folder = try ScratchFolder()
    let words = ["NATIVE_BUFFERS_LEDGER=\(folder.path)/ledger", Command.path("ledger-trials"), "ending", "exec"]
    #expect(try Command.run("/usr/bin/env", words).exitCode == 0)
    let before = try Command.run("leak-audit", ["report", folder.path + "/ledger.before-exec"])
    #expect(before.exitCode == 0 && !before.output.contains("died"), "\(before.errors)\(before.output)")
    let title = "went on as another program (exec)"
    for text in [title, "note: live: 1 of", "replaced by another one", "leak-audit report"] {
      #expect(before.output.contains(text), "\(before.output)")
    }
    let after = try Command.run("leak-audit", ["report", folder.path + "/ledger"])
    #expect(after.exitCode == 0 && after.output.contains("ended by a regular exit"), "\(after.output)")
  }

  @Test("JSON has the end of the command and one report for each process")
  func document() throws {
    let outcome = try run("held", "--format", "json")
    #expect(outcome.exitCode == 1)
    let document = try JSONSerialization.jsonObject(with: Data(outcome.errors.utf8)) as? [String: Any]
    #expect((document?["termination"] as? [String: Int]) == ["exitCode": 0])
    let reports = try #require(document?["reports"] as? [[String: Any]])
    #expect(reports.count == 1 && reports.first?["verdict"] as? String == "faults")
    #expect((document?["replaced"] as? [Any])?.isEmpty == true && (document?["failures"] as? [Any])?.isEmpty == true)
  }

  @Test("A ledger that is damaged is named, and the exit code is 2")
  func damaged() throws {
    let damage = #"cd "${NATIVE_BUFFERS_LEDGER%/*}" && for f in *; do echo no >"$f"; done"#
    let outcome = try script(#""$0" ending clean; "# + damage)
    #expect(outcome.exitCode == 2)
    #expect(outcome.errors.contains(/\ncould not audit process [0-9]+: file/), "\(outcome.errors)")
  }

  @Test("A ledger that its process has not finished making is a remark, and no failure", arguments: ["0", "100000"])
  func unfinished(size: String) throws {
    let command = #"cd "${NATIVE_BUFFERS_LEDGER%/*}" && head -c \#(size) /dev/zero >4194303.ledger"#
    let outcome = try script(command)
    #expect(outcome.exitCode == 0)
    #expect(
      outcome.errors.contains("\nprocess 4194303 had not finished making its ledger")
        && !outcome.errors.contains("could") && !outcome.errors.contains("wrote no ledger"), "\(outcome.errors)")
    let clean = try script(#""$0" ending held; "# + command)
    #expect(clean.exitCode == 1 && clean.errors.contains("had not finished"), "\(clean.errors)")
  }
}
