// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ledger_trials

@Suite(
  "Ledgers of processes that a user may not look at",
  .enabled(if: System.isRoot, "only root can run a command as another user"))
struct PermissionTests {
  private static let asOtherUser = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

  /// `leak-audit` in a place where every user may run it; nil if other users cannot run it.
  private static func copy(into folder: TestFolder) throws -> String? {
    let command = folder.path + "/leak-audit"
    try FileManager.default.copyItem(atPath: Command.path("leak-audit"), toPath: command)
    unsafe chmod(folder.path, 0o755)
    let words = asOtherUser + [command, "--help"]
    let outcome = try Command.run(words[0], Array(words.dropFirst()))
    if outcome.exitCode == 0 { return command }
    print("skipped: other users cannot run programs of this toolchain: \(outcome.errors)")
    return nil
  }

  @Test("Another user is refused with exit code 2 and the next step, and does not see the process in the list")
  func otherUser() throws {
    let folder = try TestFolder()
    guard let command = try Self.copy(into: folder) else { return }
    let process = try TrialProcess(["hold"])
    try process.line()
    try OutsideReport.expectRefusal(
      "\(process.id)", under: Self.asOtherUser, command: command, "does not let this user read",
      "Permission denied", "as root")
    #expect(try listedProcesses(["--all-users"], under: Self.asOtherUser, command: command)[process.id] == nil)
    #expect(try listedProcesses()[process.id] == HoldingTrial.count)
  }

  @Test("The same user may read a process without privileges, unless the process is not dumpable")
  func dumpable() throws {
    let folder = try TestFolder()
    guard let command = try Self.copy(into: folder) else { return }
    let readable = try TrialProcess(["other-user", "readable"])
    let secret = try TrialProcess(["other-user", "secret"])
    try readable.line()
    try secret.line()
    let report = try OutsideReport("\(readable.id)", under: Self.asOtherUser, command: command)
    #expect(report.live.count == HoldingTrial.count)
    try OutsideReport.expectRefusal(
      "\(secret.id)", under: Self.asOtherUser, command: command, "does not let this user read", "as root")
    #expect(try listedProcesses(under: Self.asOtherUser, command: command) == [readable.id: HoldingTrial.count])
    // Root may read both.
    #expect(try OutsideReport(secret.id).live.count == HoldingTrial.count)
  }

  @Test("A ledger in a file can be read by its user alone")
  func file() throws {
    let folder = try TestFolder()
    guard let command = try Self.copy(into: folder) else { return }
    let path = folder.path + "/ledger"
    let process = try TrialProcess(["hold"], ledger: path)
    try process.line()
    try OutsideReport.expectRefusal(path, under: Self.asOtherUser, command: command, "does not let this user read")
    #expect(try OutsideReport(path).live.count == HoldingTrial.count)
  }
}
