// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import TestSupport
import Testing

@testable import ledger_trials

@Suite("Ledgers of processes that are busy")
struct BusyProcessTests {
  @Test("While two threads create and dispose, each entry is read in one state, and the sums are the program's")
  func churning() throws {
    let process = try TrialProcess(["churn"])
    var before = try #require(Int(try process.line()))
    for _ in 0..<10 {
      let snapshot = try LedgerReader(process: process.id).snapshot()
      let after = try #require(Int(try process.step()))
      #expect(snapshot.damage.isEmpty && snapshot.status == .inUse && snapshot.isRunning == true)
      // A torn entry is read again; at most the one that a thread is just using stays torn.
      #expect(snapshot.tornCount <= ChurnTrial.threadCount)
      let live = snapshot.live(in: ChurnTrial.file)
      for (line, amount) in live {
        #expect(ChurnTrial.byteCounts[UInt(line)].map { $0 * amount.count } == amount.byteCount, "line \(line)")
      }
      // Entries are read one after the other, while buffers move between them.
      let all = ChurnTrial.threadCount * ChurnTrial.slotCount
      #expect((all - all / 4...all + all / 4).contains(live.values.reduce(0) { $0 + $1.count }))
      if snapshot.tornCount == 0 {
        #expect((before...after + ChurnTrial.threadCount).contains(snapshot.endedCount))
      }
      before = after
    }
  }

  @Test("A process in the midst of allocating 2 GiB is reported, and what is live is some of its buffers")
  func burst() throws {
    let process = try TrialProcess(["burst"])
    try process.line()
    for _ in 0..<3 {
      let report = try OutsideReport(process.id)
      #expect((0...BurstTrial.count).contains(report.live.count))
      #expect(report.live.byteCount == report.live.count * BurstTrial.byteCount)
    }
  }
}
