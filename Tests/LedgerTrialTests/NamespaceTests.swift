// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import ledger_trials

@Suite(
  "Ledgers of processes in other namespaces",
  .enabled(if: System.hasNamespaces, "the system does not let this user make namespaces and mounts"))
struct NamespaceTests {
  private static let held = OutsideReport.Amount(
    count: HoldingTrial.count, byteCount: HoldingTrial.count * HoldingTrial.byteCount)

  private static func start(_ arguments: [String], _ namespaces: [String]) throws -> TrialProcess {
    let process = try TrialProcess(arguments, under: ["/usr/bin/unshare", "--fork", "--kill-child"] + namespaces)
    try process.line()
    return process
  }

  @Test("A process with namespaces of its own, whose root has no files at all, can be read from the host")
  func emptyRoot() throws {
    let root = try TestFolder()
    let process = try Self.start(
      ["chroot", root.path], ["--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts"])
    let id = try process.child()
    let report = try OutsideReport(id)
    #expect(report.live == Self.held && report.isRunning == true)
    #expect(try listedProcesses()[id] == HoldingTrial.count)
    #expect(root.names.isEmpty)
  }

  @Test("A file of a process without /proc does not tell whether the process still runs, and the report says so")
  func fileWithoutProc() throws {
    let root = try TestFolder()
    let process = try TrialProcess(["chroot", root.path], ledger: "/ledger")
    try process.line()
    let report = try OutsideReport(root.path + "/ledger")
    #expect(report.live == Self.held && report.isRunning == nil)
    let text = try OutsideReport.run([root.path + "/ledger"]).output
    #expect(text.hasPrefix("ledger-trials (process \(process.id)) "), "\(text)")
    #expect(text.contains("not known whether it still runs"), "\(text)")
  }

  @Test("A process can be read from another container that shares its process ids, where it is process 1")
  func debugContainer() throws {
    let process = try Self.start(["hold"], ["--mount", "--pid", "--net"])
    let id = try process.child()
    let container =
      ["/usr/bin/nsenter", "--target", "\(id)", "--pid", "/usr/bin/unshare", "--mount", "--net"]
      + ["/bin/sh", "-c", "mount -t proc proc /proc && exec \"$@\"", "sh"]
    #expect(try OutsideReport("1", under: container).live == Self.held)
    #expect(try listedProcesses(under: container) == [1: HoldingTrial.count])
  }

  @Test("A process can be read from inside its own namespaces, and its id there is not taken for another process's")
  func inside() throws {
    let process = try Self.start(["hold"], ["--user", "--map-root-user", "--mount", "--pid", "--mount-proc"])
    let id = try process.child()
    let inside = ["/usr/bin/nsenter", "--target", "\(id)", "--user", "--mount", "--pid", "--preserve-credentials"]
    #expect(try OutsideReport("1", under: inside).live == Self.held)
    #expect(try OutsideReport(id).live == Self.held)
    // Outside, process 1 has no ledger, or may not be looked at.
    try OutsideReport.expectRefusal("1")
  }
}
