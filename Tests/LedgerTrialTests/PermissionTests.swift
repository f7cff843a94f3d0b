// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
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
      "Permission denied", "It is a process of the user with the id 0. Run the command as that user, or as root.")
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
      "\(secret.id)", under: Self.asOtherUser, command: command, "does not let this user read",
      "It is a process of this user, but it is not dumpable", "PR_SET_DUMPABLE", "as root", "NATIVE_BUFFERS_LEDGER")
    #expect(try listedProcesses(under: Self.asOtherUser, command: command) == [readable.id: HoldingTrial.count])
    // Root may read both, and sees whose they are: the folder in /proc of a process that is not dumpable is root's.
    #expect(try OutsideReport(secret.id).live.count == HoldingTrial.count)
    let owners = LedgerReader.processes(allUsers: true).filter { [readable.id, secret.id].contains($0.processID) }
    #expect(owners.map(\.userID) == [65_534, 65_534])
  }

  @Test("Root with fewer capabilities than the process is refused, and the list says that it may have left one out")
  func fewerCapabilities() throws {
    let withoutPrivileges = ["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    let withoutPtrace = ["/usr/bin/setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all"]
    let process = try TrialProcess(["hold"])
    try process.line()
    for rights in [withoutPrivileges, withoutPtrace] {
      try OutsideReport.expectRefusal(
        "\(process.id)", under: rights, "does not let this user read",
        "or has capabilities that this command does not have", "as root, with all capabilities")
    }
    let words = withoutPrivileges + [Command.path("leak-audit"), "list"]
    let list = try Command.run(words[0], Array(words.dropFirst()))
    #expect(list.errors.contains(/no right to look at [0-9,]+ process(es)? of this user, which may have a ledger/))
    #expect(list.exitCode == 0 && !list.output.contains("\(process.id)"))
  }

  @Test("A ledger in a file can be read by its user alone")
  func file() throws {
    let folder = try TestFolder()
    guard let command = try Self.copy(into: folder) else { return }
    let path = folder.path + "/ledger"
    let process = try TrialProcess(["hold"], ledger: path)
    try process.line()
    try OutsideReport.expectRefusal(
      path, under: Self.asOtherUser, command: command, "does not let this user read",
      "The file belongs to the user with the id 0. Run the command as that user, or as root.")
    #expect(try OutsideReport(path).live.count == HoldingTrial.count)
    try #require(unsafe chown(path, 65_534, 65_534) == 0 && chmod(path, 0) == 0)
    try OutsideReport.expectRefusal(
      path, under: Self.asOtherUser, command: command, "The file is this user's, so its mode", "chmod u+r")
  }
}
