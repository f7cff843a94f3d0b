// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditCommands
import TestSupport
import Testing

@Suite("leak-audit on processes")
struct ProcessCommandTests {
  private func audit(_ arguments: String...) throws -> Command.Outcome { try Command.run("leak-audit", arguments) }

  /// Starts a scenario of ledger-trials, and waits for its first step.
  private func start(_ scenario: String) throws -> TrialProcess {
    let trial = try TrialProcess([scenario])
    try trial.line()
    return trial
  }

  @Test("A report shows what is live by line of code, and where the memory is, while the process runs")
  func report() throws {
    let trial = try start("lines")
    var outcome = try audit("report", "\(trial.id)", "--units", "bytes")
    // If the machine is very busy, the process may not answer in time.
    for _ in 0..<50 where outcome.output.contains("were not looked for") {
      outcome = try audit("report", "\(trial.id)", "--units", "bytes")
    }
    #expect(outcome.exitCode == 0 && outcome.errors == "", "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("ledger-trials (process \(trial.id)) on "))
    #expect(outcome.output.contains("\nlive 103 of 3,100,000 bytes, idle "))
    #expect(outcome.output.contains(/3,000,000 +3 +[0-9]+ s +ledger_trials\/LinesTrial.swift:[0-9]+ in large\(\)/))
    #expect(outcome.output.contains(/100,000 +100 +[0-9]+ s +ledger_trials\/LinesTrial.swift:[0-9]+ in small\(\)/))
    #expect(outcome.output.contains(/\nbooks: they agree\. The allocator and the ledger each have 103 .*\nverdict:/))
    #expect(
      outcome.output.contains(/\n  the books .* reserved\n/) && outcome.output.contains(/\n  stacks .* reserved\n/))
    #expect(outcome.output.contains("\nmemory\n") && outcome.output.contains("  resident set "))
    #expect(outcome.output.hasSuffix("verdict: clean. Nothing was found.\n"))
  }

  @Test("The name of a process is found also if a file or a folder has that name, as the program itself has")
  func nameOfFile() throws {
    let trial = try start("lines")
    let folder = try ScratchFolder()
    for make in ["echo program > ledger-trials", "mkdir ledger-trials"] {
      let script = "cd \"$1\" && rm -rf ledger-trials && \(make) && \"$0\" report ledger-trials"
      let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit"), folder.path])
      // Other tests may have processes of that name at the same time.
      let isFound = outcome.output.hasPrefix("ledger-trials (process ")
      #expect(isFound || outcome.errors.contains("are called \"ledger-trials\""), "\(outcome.errors)")
    }
    withExtendedLifetime(trial) {}
  }

  @Test("watch ends when nobody reads its lines any more")
  func watchWithoutReader() throws {
    let trial = try start("lines")
    // `timeout` ends with 124 if the watch goes on.
    let script = "timeout 60 \"$0\" watch \"$1\" | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}"
    let outcome = try Command.run("/bin/bash", ["-c", script, Command.path("leak-audit"), "\(trial.id)"])
    #expect(outcome.output == "0\n", "\(outcome.errors)")
  }

  @Test("The sum of the memory adds up to the resident set, to the byte")
  func memory() throws {
    let trial = try start("lines")
    let outcome = try audit("report", "\(trial.id)", "--format", "json")
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    let memory = try #require((document?["report"] as? [String: Any])?["memory"] as? [String: Any])
    let rows = try #require(memory["rows"] as? [[String: Any]])
    #expect(rows.compactMap { $0["resident"] as? Int }.reduce(0, +) == memory["total"] as? Int)
    let live = rows.first { $0["term"] as? String == "live" }?["size"] as? Int
    #expect(live == 3_100_000)
  }

  @Test("A snapshot and the process itself can be compared: one line of code has grown")
  func diff() throws {
    let trial = try start("lines")
    let folder = try ScratchFolder()
    let before = "\(folder.path)/before"
    #expect(try audit("snapshot", "\(trial.id)", "-o", before).exitCode == 0)
    try trial.step()
    let outcome = try audit("diff", before, "\(trial.id)", "--units", "bytes", "--fail-on-growth", "4m")
    #expect(outcome.exitCode == 1)
    #expect(outcome.output.contains(/grown +\+5,000,000 +\+5 +8 +8,000,000 +ledger_trials\/LinesTrial.swift/))
    #expect(!outcome.output.contains("small()"))
  }

  @Test(
    "A process whose ledger is a file is found by its id, also if the file is in /dev/shm",
    arguments: ["/dev/shm", "/tmp"])
  func ledgerInFile(folder: String) throws {
    let path = "\(folder)/\(UUID().uuidString).ledger"
    defer { unsafe unlink(path) }
    let trial = try TrialProcess(["lines"], ledger: path)
    try trial.line()
    try #require(FileManager.default.fileExists(atPath: path))
    let file = try audit("report", path)
    #expect(file.output.contains("the process still runs, and only the file of its ledger was read."), "\(file.output)")
    #expect(file.output.contains("leak-audit report \(trial.id) asks the process, and compares both books."))
    let outcome = try audit("report", "\(trial.id)", "--units", "bytes")
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\nlive 103 of 3,100,000 bytes, idle "))
    #expect(try audit("list").output.contains("\(trial.id) "))
  }

  @Test("The process is in the list with its figures")
  func list() throws {
    let trial = try start("lines")
    let outcome = try audit("list", "--units", "bytes")
    let row = try #require(
      outcome.output.split(separator: "\n").first { $0.contains(" \(trial.id) ") || $0.hasPrefix("\(trial.id) ") })
    #expect(row.contains(" 103 ") && row.contains(" 3,100,000 ") && row.hasSuffix("ledger-trials"))
  }

  @Test("A process that gave itself another name has the new one in the list, in titles, and as a name to find it by")
  func renamed() throws {
    let trial = try start("renamed")
    #expect(try audit("report", "\(trial.id)").output.hasPrefix("renamed-trial (process \(trial.id)) on "))
    #expect(try audit("report", "renamed-trial").output.hasPrefix("renamed-trial (process \(trial.id)) on "))
    #expect(try audit("list").output.contains(" renamed-trial\n"))
    // The file that it runs is found only if no process has that name.
    let program = try ScratchFolder()
    try FileManager.default.copyItem(atPath: Command.path("ledger-trials"), toPath: "\(program.path)/only-this-one")
    let copy = try TrialProcess(
      ["renamed"], under: ["/bin/sh", "-c", "shift; exec \"$0\" \"$@\"", "\(program.path)/only-this-one"])
    try copy.line()
    #expect(try audit("report", "only-this-one").output.hasPrefix("renamed-trial (process \(copy.id)) on "))
    #expect(try audit("watch", "\(trial.id)", "--count", "1").exitCode == 0)
    let folder = try ScratchFolder()
    let snapshot = try audit("snapshot", "\(trial.id)", "-o", "\(folder.path)/snapshot")
    #expect(snapshot.output.hasPrefix("renamed-trial (process \(trial.id)) on "), "\(snapshot.output)")
    #expect(try audit("report", "\(folder.path)/snapshot").output.hasPrefix("renamed-trial (process \(trial.id)) on "))
  }

  @Test("A process that is stopped is read like any other")
  func stopped() throws {
    let trial = try start("lines")
    trial.stop()
    defer { trial.continueRunning() }
    let outcome = try audit("report", "\(trial.id)")
    #expect(outcome.exitCode == 0 && outcome.output.contains("live 103 of 2.96 MiB"))
    #expect(outcome.output.contains("\nbooks: not compared, and so orphans and ghosts were not looked for: "))
    #expect(outcome.output.contains("the process did not count what its allocator has. It is stopped or very busy,"))
  }

  @Test("Memory that the ledger does not know, and a buffer whose memory is gone, are found from outside")
  func faults() throws {
    let trial = try start("faults")
    var outcome = try audit("report", "\(trial.id)")
    // If the machine is very busy, the process may not answer in time.
    for _ in 0..<50 where outcome.output.contains("were not looked for") {
      outcome = try audit("report", "\(trial.id)")
    }
    #expect(outcome.exitCode == 1)
    #expect(outcome.output.contains("fault: orphan: 1 of 320 KiB, size class 327,680"), "\(outcome.output)")
    #expect(outcome.output.contains("fault: ghost: 1 of 224 KiB, size class 229,376"), "\(outcome.output)")
    #expect(outcome.output.contains(/1 × ledger_trials\/FaultsTrial.swift:[0-9]+ in plant\(\)/))
    // Since the process was asked, the ledger has an answer, which each snapshot keeps.
    let folder = try ScratchFolder()
    #expect(try audit("snapshot", "\(trial.id)", "-o", "\(folder.path)/faults").exitCode == 0)
    let later = try audit("report", "\(folder.path)/faults")
    #expect(later.exitCode == 1)
    #expect(later.output.contains("fault: orphan: 1") && later.output.contains("fault: ghost: 1"))
  }

  @Test("Watching prints a line for each reading, and ends when it is told to")
  func watch() throws {
    let trial = try start("lines")
    let outcome = try audit("watch", "\(trial.id)", "--count", "2")
    #expect(outcome.exitCode == 0)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2 && lines.allSatisfy { $0.contains("  live 103 of 2.96 MiB  ") && $0.contains("large()") })
  }

  @Test("If some processes could not be looked at, the message about a name says which processes it is about")
  func unknownName() async throws {
    await #expect(processExitsWith: .success) {
      func message() -> String {
        do throws(CommandFailure) {
          _ = try LedgerTarget("no-such-server")
          return ""
        } catch {
          return error.description
        }
      }
      guard geteuid() == 0 else { return }
      // Also root may have fewer capabilities than some processes.
      guard message().hasPrefix("no process with a ledger ") else { exit(1) }
      guard seteuid(65_534) == 0 else { exit(2) }
      let ofUser = message()
      guard ofUser.hasPrefix("no process with a ledger that this user may look at is called \"no-such-server\""),
        ofUser.contains("root with all capabilities can look at them")
      else { exit(3) }
    }
  }

  @Test("A process without a ledger, and one that does not exist, are named with what to do")
  func withoutLedger() throws {
    let own = try audit("report", "1")
    #expect(own.exitCode == 2 && own.errors.hasPrefix("leak-audit: "))
    let missing = try audit("report", "999999999")
    #expect(missing.exitCode == 2)
    #expect(missing.errors.contains("there is no process 999999999: it has ended, or it is in another pid namespace."))
  }
}
