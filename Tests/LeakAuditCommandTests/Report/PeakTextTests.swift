// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import TestSupport
import Testing

@testable import LeakAuditCommands
@testable import LedgerReading

@Suite("Peaks in a report")
struct PeakTextTests {
  private func report(_ made: MadeSnapshot) throws -> String {
    let folder = try ScratchFolder()
    return try Command.run("leak-audit", ["report", folder.write(made, "snapshot")]).output
  }

  private var made: MadeSnapshot {
    MadeSnapshot(lines: [.init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000)])
  }

  @Test("A peak is told with what is live at the end, both counted without registrations")
  func peak() throws {
    var made = made
    made.registrationCount = 50
    made.peak = (second: 426, count: 40, byteCount: 90_000_000)
    let text = try report(made)
    #expect(
      text.contains(
        "\nmost was live 5 min before the end: 40 of 85.8 MiB, and 3 of 2.86 MiB at the end, both without "
          + "registrations\n  85.8 MiB  40  Server/Cache.swift:12 in load(_:)\n"), "\(text)")
    (made.status, made.isRunning) = (.inUse, true)
    #expect(try report(made).contains("most was live 5 min ago: 40 of 85.8 MiB, and 3 of 2.86 MiB now, both without"))
  }

  @Test("No peak is told if as much or more is live at the end")
  func noPeak() throws {
    var made = made
    for byteCount in [2_900_000, 3_000_000] {
      made.peak = (second: 720, count: 2, byteCount: byteCount)
      #expect(try !report(made).contains("most was live"))
    }
  }

  @Test("A failed allocation is told with what it asked for, also if more is live at the end")
  func failedAllocation() throws {
    var made = made
    made.failedAllocation = (second: 426, requestedByteCount: 1 << 33)
    let text = try report(made)
    #expect(
      text.contains(
        "\nan allocation of 8.00 GiB failed 5 min before the end: 1 of 1.00 KiB, and 3 of 2.86 MiB at the end, both "
          + "without registrations\n  1.00 KiB  1  Server/Cache.swift:12 in load(_:)\n"), "\(text)")
  }

  @Test("If the history has a second in which more was live, this is the peak, and the lines say of when they are")
  func laterPeak() throws {
    var made = made
    made.peak = (second: 426, count: 40, byteCount: 90_000_000)
    made.earlierPeak = (second: 200, count: 30, byteCount: 60_000_000)
    made.history = [(426, 40, 90_000_000), (546, 44, 98_000_000), (600, 3, 3_000_000)].map { second, count, byteCount in
      HistorySample(
        second: second, pressure: 0, liveCount: count, liveByteCount: byteCount, idleByteCount: 0, residentSet: 0,
        disposedCount: 0, rescuedCount: 0, budgetByteCount: 0)
    }
    let text = try report(made)
    #expect(
      text.contains(
        "\nmost was live 3 min before the end: 44 of 93.5 MiB, and 3 of 2.86 MiB at the end, both without "
          + "registrations. The lines are those of 5 min before the end, of 40 of 85.8 MiB\n  85.8 MiB  40  "),
      "\(text)")
  }

  @Test("Only the largest peak is told")
  func largest() throws {
    var made = made
    made.peak = (second: 300, count: 40, byteCount: 90_000_000)
    made.earlierPeak = (second: 200, count: 30, byteCount: 60_000_000)
    let text = try report(made)
    #expect(text.components(separatedBy: "most was live").count == 2 && text.contains("40 of 85.8 MiB"))
  }
}
