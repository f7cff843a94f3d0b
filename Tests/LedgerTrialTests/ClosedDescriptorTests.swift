// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ledger_trials

@Suite("Programs that close descriptors that they do not know")
struct ClosedDescriptorTests {
  @Test("The library never touches files that later have the ledger's number", arguments: [false, true])
  func closefrom(hasFile: Bool) throws {
    let folder = try TestFolder(in: "/dev/shm")
    let files = try TestFolder()
    let path = folder.path + "/ledger"
    let process = try TrialProcess(["closefrom", files.path], ledger: hasFile ? path : nil)
    try process.line()
    if hasFile {
      #expect(try OutsideReport(path).live.count == 1 + ClosingTrial.bufferCount - ClosingTrial.disposedCount)
    } else {
      try OutsideReport.expectRefusal("\(process.id)", "closed the ledger's descriptor")
    }
    #expect(process.finish() == 0)
    for number in 0..<ClosingTrial.fileCount {
      let content = try String(contentsOfFile: "\(files.path)/\(number)", encoding: .utf8)
      #expect(content == ClosingTrial.content(ofFile: number))
    }
    #expect(files.names.count == ClosingTrial.fileCount)
  }
}
