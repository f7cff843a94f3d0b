// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import LedgerReading
@testable import ledger_trials

@Suite("Asking a process for an answer")
struct RequestPageTests {
  private static var answerNumber: UInt64 {
    unsafe Ledger.shared.atomic64(at: LedgerLayout.answerNumberOffset).pointee.load(ordering: .acquiring)
  }

  @Test("The page of a process is found in its descriptors, and each request is answered")
  func answers() async {
    await #expect(processExitsWith: .success) {
      #expect(RequestPage(process: Int(getpid())) == nil)
      let buffer = try NativeBuffer(byteCount: 1_000)
      let page = try #require(RequestPage(process: Int(getpid())))
      for answer in 1...3 {
        page.ask()
        // The test ends with an error if this takes longer than a test may.
        while Self.answerNumber < UInt64(answer) { sched_yield() }
      }
      withExtendedLifetime(buffer) {}
    }
  }

  @Test("A reader asks another process, which answers with both books; while it is stopped, it does not answer")
  func otherProcess() throws {
    let process = try TrialProcess(["hold"])
    try process.line()
    let reader = try LedgerReader(process: process.id)
    // If the machine is very busy, the process may not answer in time.
    func answer() throws -> LedgerAnswer {
      while try reader.requestAnswer(timeout: .seconds(1)) == nil { try #require(reader.process?.isRunning == true) }
      return try #require(try reader.snapshot().answer)
    }
    let first = try answer()
    #expect(first.isComplete && first.residentSet > 0 && first.malloc.isEmpty == false)
    #expect(first.classes.map(\.liveCount).reduce(0, +) == HoldingTrial.count)
    #expect(first.classes.allSatisfy { $0.allocatorCount == $0.liveCount + $0.idleCount })
    #expect(first.classes.map(\.liveByteCount).reduce(0, +) == HoldingTrial.count * HoldingTrial.byteCount)
    process.stop()
    while try String(contentsOfFile: "/proc/\(process.id)/stat", encoding: .utf8).contains(") T ") == false {
      usleep(1_000)
    }
    let last = try #require(try reader.snapshot().answer)
    #expect(try reader.requestAnswer(timeout: .milliseconds(100)) == nil)
    #expect(try reader.snapshot().answer?.number == last.number)
    process.continueRunning()
    #expect(try answer().number > last.number)
  }

  @Test("A file that only has the page's name is not written to")
  func otherFile() async throws {
    await #expect(processExitsWith: .success) {
      let folder = FileManager.default.temporaryDirectory.appending(path: "memfd:native-buffers-request-\(getpid())")
      try Data("unchanged".utf8).write(to: folder)
      defer { try? FileManager.default.removeItem(at: folder) }
      let file = unsafe open(folder.path, O_RDONLY)
      #expect(file >= 0)
      #expect(RequestPage(process: Int(getpid())) == nil)
      #expect(try Data(contentsOf: folder) == Data("unchanged".utf8))
    }
  }

  @Test("A ledger in a file is not asked")
  func file() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString)")
    try Data(LedgerImage().bytes).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    #expect(try LedgerReader(path: path.path).requestAnswer(timeout: .seconds(1)) == nil)
  }
}
