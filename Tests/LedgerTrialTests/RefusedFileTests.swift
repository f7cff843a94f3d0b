// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ledger_trials

/// The tests of ResourceLedgerTests look at each refusal in the library; these start programs, as users do.
@Suite("Programs whose ledger cannot be in the file that NATIVE_BUFFERS_LEDGER names")
struct RefusedFileTests {
  /// Expects that the program says so in one line, runs on, and can be read.
  private static func expectMemory(
    _ path: String, under wrapper: [String] = [], _ text: String, location: SourceLocation = #_sourceLocation
  ) throws {
    let process = try TrialProcess(["hold"], under: wrapper, ledger: path)
    try process.line()
    let lines = process.errors.split(separator: "\n")
    let name = path.replacingOccurrences(of: "%p", with: "\(process.id)")
    #expect(lines.count == 1, "\(lines)", sourceLocation: location)
    #expect(
      lines.first?.contains(name) == true && lines.first?.contains(text) == true, "\(lines)", sourceLocation: location)
    #expect(try OutsideReport(process.id).live.count == HoldingTrial.count, sourceLocation: location)
    try process.step()
    #expect(process.finish() == 0, sourceLocation: location)
  }

  @Test("An existing file, a folder, a symbolic link and a folder that is missing")
  func names() throws {
    let folder = try TestFolder()
    let (file, link) = (folder.path + "/file", folder.path + "/link")
    _ = FileManager.default.createFile(atPath: file, contents: Data("x".utf8))
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.path + "/target")
    try Self.expectMemory(file, "a file is there that is not a ledger. Name another file.")
    try Self.expectMemory(link, "it is a symbolic link. Name a file that is no symbolic link.")
    try Self.expectMemory(folder.path, "it is a folder. Name a file in it: \(folder.path)/%p.ledger,")
    try Self.expectMemory(folder.path + "/missing/ledger", "Make its folder first")
    // A process that begins when the `leak-audit run` that started it has removed its folder.
    try Self.expectMemory(
      folder.path + "/leak-audit-run-x1/%p.ledger", "(the `leak-audit run` that named it has ended)")
    try Self.expectMemory(folder.path + "/leak-audit-run-x1/other/ledger", "Make its folder first")
    #expect(Set(folder.names) == ["file", "link"])
    #expect(try Data(contentsOf: URL(filePath: file)) == Data("x".utf8))
  }

  @Test(
    "A file system that is full or read-only",
    .enabled(if: System.hasNamespaces, "the system does not let this user mount file systems"),
    arguments: [
      ("size=64k", "Free some space"), ("size=1m", "Free some space"), ("size=1500k", "Free some space"),
      ("ro", "Choose a folder in which this user may make files"),
    ])
  func fileSystems(_ option: String, _ text: String) throws {
    let folder = try TestFolder()
    let mount = "mount -t tmpfs -o \"$0\" none \"$1\" && shift && exec \"$@\""
    try Self.expectMemory(
      folder.path + "/ledger", under: ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", mount, option, folder.path],
      text)
  }

  @Test("A limit on the size of files, which also keeps the ledger out of a file without a name")
  func fileSizeLimit() throws {
    let folder = try TestFolder()
    let process = try TrialProcess(
      ["hold"], under: ["/bin/sh", "-c", "ulimit -f 2048 && exec \"$0\" \"$@\""], ledger: folder.path + "/ledger")
    try process.line()
    let lines = process.errors.split(separator: "\n")
    #expect(lines.count == 1, "\(lines)")
    for text in [folder.path, "ulimit -f", "other processes cannot read"] {
      #expect(lines.first?.contains(text) == true, "\(lines)")
    }
    try OutsideReport.expectRefusal("\(process.id)", "has no ledger that others can read", "NATIVE_BUFFERS_LEDGER")
    #expect(folder.names.isEmpty)
    try process.step()
    #expect(process.finish() == 0)
  }

  @Test("An empty path is as if there were none: the program says nothing, and its ledger is in memory")
  func emptyPath() throws {
    let process = try TrialProcess(["hold"], ledger: "")
    try process.line()
    #expect(process.errors == "")
    #expect(try OutsideReport(process.id).live.count == HoldingTrial.count)
    try process.step()
    #expect(process.finish() == 0)
  }

  @Test("Of two programs with the same path, the second one has its ledger in memory, and both can be read")
  func samePath() throws {
    let folder = try TestFolder()
    let path = folder.path + "/ledger"
    let first = try TrialProcess(["hold"], ledger: path)
    try first.line()
    try Self.expectMemory(path, "Remove it, or put %p into the path")
    #expect(try OutsideReport(first.id).live.count == HoldingTrial.count)
    try first.step()
    #expect(try OutsideReport(path).live.count == HoldingTrial.count - HoldingTrial.disposedCount)
    #expect(first.errors.isEmpty)
  }
}
