// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import TestSupport
import Testing

@testable import ledger_trials

@Suite("Ledgers of processes that were killed")
struct SuddenDeathTests {
  private static let repetitions = TestLength.choose(20, long: 1_000)

  @Test("After SIGKILL at any moment the file can be read, each entry is in one state, and lines are right")
  func killed() throws {
    let folder = try TestFolder(in: "/dev/shm")
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    var readCount = 0
    for repetition in 0..<Self.repetitions {
      let note: Comment = "seed \(seed), repetition \(repetition)"
      let path = "\(folder.path)/\(repetition)"
      let process = try TrialProcess(["churn"], ledger: path)
      // Half of them are killed at a moment of their start, and half after it.
      if repetition % 2 == 1 { try process.line() }
      usleep(UInt32.random(in: 0..<(repetition % 2 == 1 ? 20_000 : 60_000), using: &random))
      let hasBegun = process.kill() || repetition % 2 == 1
      do throws(LedgerReadingError) {
        let snapshot = try LedgerReader(path: path).snapshot()
        expectSound(snapshot, hasBegun: hasBegun, note)
        readCount += 1
        #expect(snapshot.process.map { $0.id == process.id } ?? !hasBegun, note)
      } catch {
        // It was killed before it had made its ledger.
        #expect(!hasBegun && (error.code == .noSuchFile || error.isOfUnfinishedLedger), "\(error), \(note)")
      }
      try? FileManager.default.removeItem(atPath: path)
    }
    #expect(readCount >= Self.repetitions / 2)
  }

  private func expectSound(_ snapshot: LedgerSnapshot, hasBegun: Bool, _ note: Comment) {
    #expect(snapshot.damage.isEmpty && snapshot.tornCount == 0, note)
    #expect(snapshot.status != .ended && snapshot.isRunning == false, note)
    #expect(snapshot.sums.reduce(0) { $0 + $1.count } <= snapshot.entryCount, note)
    let live = snapshot.live(in: ChurnTrial.file)
    // Nothing is live on other lines.
    #expect(
      live.values.reduce(0) { $0 + $1.count } == snapshot.sums.filter(\.use.isHeld).reduce(0) { $0 + $1.count }, note)
    for (line, amount) in live {
      #expect(ChurnTrial.byteCounts[UInt(line)].map { $0 * amount.count } == amount.byteCount, "line \(line), \(note)")
    }
    guard hasBegun else { return }
    // Each thread was replacing at most one buffer.
    let all = ChurnTrial.threadCount * ChurnTrial.slotCount
    #expect((all - ChurnTrial.threadCount...all).contains(live.values.reduce(0) { $0 + $1.count }), note)
  }
}
