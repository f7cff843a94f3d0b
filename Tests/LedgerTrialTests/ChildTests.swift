// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import TestSupport
import Testing

@testable import ledger_trials

@Suite("Ledgers of processes that have children")
struct ChildTests {
  /// Reads lines of a name and a process id, until these names have come.
  private static func ids(_ process: TrialProcess, _ names: Set<String>) throws -> [String: Int] {
    var ids: [String: Int] = [:]
    while !names.isSubset(of: ids.keys) {
      let words = try process.line().split(separator: " ")
      ids[String(words[0])] = words.count > 1 ? Int(words[1]) : 0
    }
    return ids
  }

  /// Waits until a process has ended.
  private static func waitForEnd(_ id: Int) {
    while let status = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8), !status.contains(") Z ") {
      usleep(1_000)
    }
  }

  /// The sums of a snapshot with all ages alike: on a busy machine, the parent's resources become older meanwhile.
  private static func withoutAges(_ snapshot: LedgerSnapshot) -> [SnapshotSum] {
    snapshot.sums.map { sum in
      var sum = sum
      sum.ageBand = 0
      return sum
    }
  }

  private static let heldBytes = ChildTrial.heldCount * ChildTrial.heldByteCount

  @Test("Prefork workers have books of their own that agree with what they did, and never change their parent's")
  func workers() throws {
    let process = try TrialProcess(["workers"])
    let names = (1...ChildTrial.workerCount).map { "worker\($0)" }
    let ids = try Self.ids(process, Set(names + ["parent"]))
    let listed = try listedProcesses()
    let before = try LedgerReader(process: process.id).snapshot()
    #expect(before.sums.filter(\.use.isHeld).map(\.count) == [ChildTrial.heldCount])
    #expect(before.endedCount == 0 && listed[process.id] == ChildTrial.heldCount)
    for (index, name) in names.enumerated() {
      let number = index + 1
      let id = try #require(ids[name])
      let count = ChildTrial.heldCount - number + 10 * number
      let report = try OutsideReport(id)
      #expect(
        report.live
          == .init(
            count: count,
            byteCount: Self.heldBytes - number * ChildTrial.heldByteCount + 10 * number * ChildTrial.ownByteCount))
      #expect(listed[id] == count)
      let snapshot = try LedgerReader(process: id).snapshot()
      #expect(snapshot.process?.parentID == process.id && snapshot.process?.id == id)
      Foundation.kill(pid_t(id), number == 1 ? SIGKILL : SIGTERM)
      Self.waitForEnd(id)
    }
    let after = try LedgerReader(process: process.id).snapshot()
    #expect(Self.withoutAges(after) == Self.withoutAges(before))
    #expect(after.domains == before.domains && after.entryCount == before.entryCount)
    #expect(process.finish() == 0)
  }

  @Test("Prefork workers have files of their own if the path has the process id in it")
  func workersWithFiles() throws {
    let folder = try TestFolder(in: "/dev/shm")
    let process = try TrialProcess(["workers"], ledger: folder.path + "/%p")
    let ids = try Self.ids(process, Set((1...ChildTrial.workerCount).map { "worker\($0)" } + ["parent"]))
    #expect(process.finish() == 0)
    #expect(Set(folder.names) == Set(ids.values.map { "\($0)" }))
    for (name, id) in ids {
      let number = name.last.flatMap { Int("\($0)") } ?? 0
      if number > 0 { Self.waitForEnd(id) }
      let snapshot = try LedgerReader(path: "\(folder.path)/\(id)").snapshot()
      let count = snapshot.sums.filter(\.use.isHeld).reduce(0) { $0 + $1.count }
      #expect(count == ChildTrial.heldCount - number + 10 * number && snapshot.damage.isEmpty)
      #expect(snapshot.isRunning == false)
    }
  }

  /// The memory files with a ledger that a process has open.
  private static func ledgerCount(_ id: Int) -> Int {
    let folder = "/proc/\(id)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.count { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"))?
        .hasPrefix("/memfd:native-buffers-ledger") == true
    }
  }

  @Test("A program that was started by exec or posix_spawn has its own ledger alone", arguments: ["exec", "spawn"])
  func otherProgram(_ call: String) throws {
    let process = try TrialProcess([call])
    // The last of them is a line of the child's program.
    let child = try #require(try Self.ids(process, ["parent", "child", "holding"])["child"])
    #expect(try OutsideReport(child).live.count == HoldingTrial.count)
    #expect(Self.ledgerCount(child) == 1 && Self.ledgerCount(process.id) == 1)
    #expect(try OutsideReport(process.id).live == .init(count: ChildTrial.heldCount, byteCount: Self.heldBytes))
  }

  @Test("A process that goes on as a program without the library is known by its file, and by a copy of it")
  func programWithoutLibrary() throws {
    let folder = try TestFolder(in: "/dev/shm")
    let (path, copy) = (folder.path + "/ledger", folder.path + "/copy")
    let process = try TrialProcess(["other-program"], ledger: path)
    try process.line()
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    for file in [path, copy] {
      let snapshot = try LedgerReader(path: file).snapshot()
      #expect(snapshot.isRunning == true && snapshot.status == .inUse, "\(file)")
    }
    let kept = folder.path + "/snapshot"
    let written = try Command.run("leak-audit", ["snapshot", "\(process.id)", "--output", kept])
    #expect(written.exitCode == 0, "\(written.errors)")
    #expect(
      try OutsideReport.run([kept]).output.contains(/; snapshot taken [^;\n]* UTC, [^;\n]* after its ledger was made\n/)
    )
    #expect(try process.step() == "going on")
    // `cat` repeats the empty line, so the other program has begun.
    #expect(try process.step() == "")
    for file in [path, copy] {
      let snapshot = try LedgerReader(path: file).snapshot()
      #expect(snapshot.isRunning == false && snapshot.status == .replaced, "\(file)")
      let report = try OutsideReport.run([file])
      #expect(report.output.contains(", went on as another program (exec)\n"), "\(report.output)")
      #expect(report.output.contains("Its memory went with it, so nothing of it is a leak."))
    }
    #expect(try OutsideReport.run([kept]).output.contains("; it has ended since this snapshot\n"))
  }

  @Test("A copy of a ledger whose process closed the descriptor is not taken for that of another program")
  func copyOfClosed() throws {
    let (folder, files) = (try TestFolder(in: "/dev/shm"), try TestFolder())
    let (path, copy) = (folder.path + "/ledger", folder.path + "/copy")
    let process = try TrialProcess(["closefrom", files.path], ledger: path)
    try process.line()
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    for file in [path, copy] { #expect(try LedgerReader(path: file).snapshot().isRunning == true, "\(file)") }
  }
}
