// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ledger_trials

@Suite("Programs that close descriptors that they do not know")
struct ClosedDescriptorTests {
  /// Without privileges, also if the tests run as root. A reader needs all privileges of the process that it reads, so
  /// both are started like this.
  private static let withoutPrivileges =
    System.isRoot ? ["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"] : []
  private static let liveCount = 1 + ClosingTrial.bufferCount - ClosingTrial.disposedCount

  @Test("Without privileges, a process that closed its ledger's descriptor is refused, and the message says what to do")
  func refused() throws {
    let files = try TestFolder()
    let process = try TrialProcess(["closefrom", files.path], under: Self.withoutPrivileges)
    try process.line()
    try OutsideReport.expectRefusal(
      "\(process.id)", under: Self.withoutPrivileges, "has a ledger, but closed the ledger's descriptor", "as root",
      "set NATIVE_BUFFERS_LEDGER")
    #expect(try listedProcesses(under: Self.withoutPrivileges)[process.id] == nil)
  }

  @Test(
    "Root reads the ledger of a process that closed its descriptors, and asks it for the allocator's counts",
    .enabled(if: System.opensMappings, "the system does not let this user open what a process has mapped"))
  func readByRoot() throws {
    let files = try TestFolder()
    let process = try TrialProcess(["closefrom", files.path])
    try process.line()
    #expect(try OutsideReport(process.id).live.count == Self.liveCount)
    let text = try OutsideReport.run(["\(process.id)"]).output
    #expect(!text.contains("not looked for"), "\(text)")
    #expect(try listedProcesses()[process.id] == Self.liveCount)
  }

  @Test("The library's thread has none of the program's descriptors: it can neither use nor close them")
  func descriptorsOfTheThread() throws {
    let files = try TestFolder()
    let process = try TrialProcess(["closefrom", files.path])
    try process.line()
    let threads = "/proc/\(process.id)/task"
    let thread = try #require(
      try FileManager.default.contentsOfDirectory(atPath: threads)
        .first { try String(contentsOfFile: "\(threads)/\($0)/comm", encoding: .utf8) == "native-buffers\n" })
    let folder = "\(threads)/\(thread)/fd"
    let open = try FileManager.default.contentsOfDirectory(atPath: folder)
      .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
    // Once a second, the thread has this file open for a moment.
    #expect(open.filter { $0 != "/proc/\(process.id)/statm" } == [])
    #expect(process.finish() == 0)
  }

  @Test("The library never touches files that later have the ledger's number", arguments: [false, true])
  func closefrom(hasFile: Bool) throws {
    let folder = try TestFolder(in: "/dev/shm")
    let files = try TestFolder()
    let path = folder.path + "/ledger"
    let process = try TrialProcess(["closefrom", files.path], ledger: hasFile ? path : nil)
    try process.line()
    if hasFile {
      #expect(try OutsideReport(path).live.count == Self.liveCount)
      try OutsideReport.expectRefusal("\(process.id)", "whose descriptor it closed: then name that file")
    }
    #expect(process.finish() == 0)
    for number in 0..<ClosingTrial.fileCount {
      let content = try String(contentsOfFile: "\(files.path)/\(number)", encoding: .utf8)
      #expect(content == ClosingTrial.content(ofFile: number))
    }
    #expect(files.names.count == ClosingTrial.fileCount)
  }
}
