// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("What a leak-audit run that was killed leaves")
struct KilledRunTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func run(_ command: String...) throws -> Command.Outcome {
    try Command.run("leak-audit", ["run", "--ledger-folder", folder.path, "--"] + command)
  }

  private func names(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/\(name)").sorted()
  }

  /// Makes a folder with the name of a run's folder, and empty files in it. No process has this id.
  private func makeFolder(_ name: String, _ files: [String] = ["4194304.ledger"]) throws {
    let path = "\(folder.path)/leak-audit-run-\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for file in files { try Data().write(to: URL(filePath: "\(path)/\(file)")) }
  }

  @Test("The next run removes the ledgers and the folder")
  func killed() throws {
    // The command kills its parent, which is leak-audit.
    _ = try run("sh", "-c", "\"$0\" ending clean; kill -KILL $PPID", Command.path("ledger-trials"))
    let left = try names()
    try #require(left.count == 1 && left[0].hasPrefix("leak-audit-run-"))
    #expect(try names(left[0]).count == 1)
    #expect(try run("true").exitCode == 0)
    #expect(try names().isEmpty)
  }

  @Test("A run that goes on keeps its folder while others begin and end")
  func concurrent() throws {
    let inner = ["run", "--ledger-folder", folder.path, "--", "ls", folder.path].joined(separator: " ")
    let outcome = try run("sh", "-c", "\"$0\" \(inner) 2>&1; ls \(folder.path)", Command.path("leak-audit"))
    let own = outcome.output.split(separator: "\n").filter { $0.hasPrefix("leak-audit-run-") }
    // The inner command sees both folders, and afterwards there is the outer one.
    #expect(own.count == 3 && Set(own).count == 2, "\(outcome.output)")
    #expect(try names().isEmpty)
  }

  @Test("A folder stays as long as a process whose ledger is in it lives")
  func living() throws {
    try makeFolder("one", ["4194304.ledger", "\(getpid()).ledger"])
    _ = try run("true")
    #expect(try names() == ["leak-audit-run-one"] && names("leak-audit-run-one").count == 2)
  }

  @Test("No link is followed, and nothing is removed but ledgers and empty folders")
  func foreign() throws {
    try FileManager.default.createDirectory(atPath: folder.path + "/other", withIntermediateDirectories: false)
    try Data().write(to: URL(filePath: folder.path + "/other/4194304.ledger"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/leak-audit-run-link", withDestinationPath: folder.path + "/other")
    try Data().write(to: URL(filePath: folder.path + "/leak-audit-run-file"))
    try makeFolder("notes", ["notes", "4194304.ledger", "4194304.ledger.before-exec"])
    try makeFolder("gone")
    _ = try run("true")
    #expect(
      try names() == ["leak-audit-run-file", "leak-audit-run-link", "leak-audit-run-notes", "other"])
    #expect(try names("leak-audit-run-notes") == ["notes"] && names("other") == ["4194304.ledger"])
  }

  @Test("Folders of other users stay", .enabled(if: geteuid() == 0, "only root can make folders of other users"))
  func otherUser() throws {
    try makeFolder("other")
    try #require(unsafe chown("\(folder.path)/leak-audit-run-other", 65_534, 65_534) == 0)
    _ = try run("true")
    #expect(try names("leak-audit-run-other").count == 1)
  }
}
