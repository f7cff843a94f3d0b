// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import TestSupport
import Testing

@Suite("Reports of ledgers whose processes still run, or ran when they were read")
struct StillRunningTests {
  @Test("A process that still runs when run ends was not judged, and the report says so in its last line")
  func backgroundProcess() throws {
    let folder = try ScratchFolder()
    let pipe = try folder.makePipe("input")
    // The child opens its standard input for writing, too, so this does not end.
    let script = """
      "$0" hold <>"$1" >"$1.lines" & echo $! >"$1.id"
      until grep -q holding "$1.lines"; do sleep 0.02; done
      """
    let outcome = try Command.run(
      "leak-audit", ["run", "--", "/bin/sh", "-c", script, Command.path("ledger-trials"), pipe])
    let text = try String(contentsOfFile: pipe + ".id", encoding: .utf8)
    let id = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    defer { kill(id, SIGKILL) }
    #expect(outcome.exitCode == 0 && !outcome.errors.contains("verdict: clean"), "\(outcome.errors)")
    for text in [" ago; it still runs\n", "\nverdict: not judged, because it still runs.\n"] {
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
    }
    let last = try #require(outcome.errors.split(separator: "\n").last)
    #expect(last.contains("was not judged, because it still runs. `leak-audit report \(id)` audits it now."), "\(last)")
    let report = try Command.run("leak-audit", ["report", "\(id)"])
    #expect(report.exitCode == 0 && report.output.contains("\nlive 100 of "), "\(report.errors)\(report.output)")
    #expect(report.output.hasSuffix("\nverdict: clean. Nothing was found.\n"), "\(report.output)")
  }

  @Test("A snapshot of such a file says whether the process still runs when the snapshot is read")
  func snapshot() throws {
    let folder = try ScratchFolder()
    let (ledger, file) = (folder.path + "/ledger", folder.path + "/snapshot")
    let process = try TrialProcess(["without-maintenance"], ledger: ledger)
    try process.line()
    func report(_ path: String) throws -> String { try Command.run("leak-audit", ["report", path]).output }
    #expect(try Command.run("leak-audit", ["snapshot", ledger, "--output", file]).exitCode == 0)
    #expect(try report(ledger).hasSuffix("\nverdict: not judged, because it still runs.\n"))
    let early = try report(file)
    #expect(early.contains("leak-audit report \(process.id) asks the process"), "\(early)")
    #expect(early.hasSuffix("\nverdict: not judged, because it still ran when the snapshot was taken.\n"), "\(early)")
    process.kill()
    let late = try report(file)
    #expect(!late.contains("still runs") && !late.contains("asks the process"), "\(late)")
    for text in [" after its ledger was made; it has ended since this snapshot\n", "It has ended since."] {
      #expect(late.contains(text), "\(late)")
    }
    #expect(late.hasSuffix("\nverdict: not judged, because it still ran when the snapshot was taken.\n"), "\(late)")
    let left = try report(ledger)
    for text in [", ended without a regular exit (", "\nverdict: clean, with notes."] {
      #expect(left.contains(text), "\(left)")
    }
  }

  @Test("If no buffer was created yet, the report says this, and not that the process does not answer")
  func noBuffer() throws {
    let folder = try ScratchFolder()
    var made = MadeSnapshot()
    func report() throws -> String {
      try Command.run("leak-audit", ["report", folder.write(made, "snapshot")]).output
    }
    let ended = try report()
    #expect(ended.contains("\nbooks: no buffer was created, so there are none.\n"), "\(ended)")
    (made.status, made.isRunning) = (.inUse, true)
    let running = try report()
    #expect(running.contains("\nbooks: no buffer was created yet, so there are none.\n"), "\(running)")
    made.idleByteCount = 4_096
    #expect(try report().contains("\nbooks: not compared"))
  }
}
