// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import TestSupport
import Testing

@testable import ledger_trials

@Suite("Ledgers of processes that do not answer")
struct SilentProcessTests {
  /// Expects the whole ledger, and a sentence about what cannot be said without an answer.
  private static func expectWholeLedger(_ process: Int, location: SourceLocation = #_sourceLocation) throws {
    let report = try OutsideReport(process)
    let held = OutsideReport.Amount(
      count: HoldingTrial.count, byteCount: HoldingTrial.count * HoldingTrial.byteCount)
    #expect(report.live == held && report.isRunning == true, sourceLocation: location)
    let text = try OutsideReport.run(["\(process)"]).output
    #expect(text.contains("ledger_trials/HoldingTrial.swift"), "\(text)", sourceLocation: location)
    #expect(text.contains("rphans and ghosts"), "\(text)", sourceLocation: location)
    #expect(text.contains("The ledger's own figures are exact"), "\(text)", sourceLocation: location)
  }

  @Test("A stopped process gives its whole ledger, and the report says what it cannot say")
  func stopped() throws {
    let process = try TrialProcess(["hold"])
    try process.line()
    kill(pid_t(process.id), SIGSTOP)
    while try String(contentsOfFile: "/proc/\(process.id)/stat", encoding: .utf8).contains(") T ") == false {
      usleep(1_000)
    }
    try Self.expectWholeLedger(process.id)
    kill(pid_t(process.id), SIGCONT)
    try process.step()
  }

  @Test("A process whose maintenance is turned off gives its whole ledger, and the report says what it cannot say")
  func withoutMaintenance() throws {
    let process = try TrialProcess(["without-maintenance"])
    try process.line()
    try Self.expectWholeLedger(process.id)
  }

  @Test("A process that hangs in a cleanup is reported with the registry, the line and the age")
  func stuck() throws {
    let process = try TrialProcess(["stuck"])
    try process.line()
    let outcome = try OutsideReport.run(["\(process.id)"])
    #expect(outcome.exitCode == 1, "\(outcome.errors)")
    let finding = try #require(
      SnapshotAudit(LedgerReader(process: process.id).snapshot()).findings.first { $0.kind == .stuck })
    #expect(finding.domain == StuckTrial.registryName && finding.count == 1)
    #expect(finding.age.map { $0 >= Double(StuckTrial.seconds) - 1 } == true)
    #expect(finding.sites.map(\.line) == [Int(StuckTrial.line)] && finding.sites.map(\.file) == [StuckTrial.file])
    for text in ["stuck", StuckTrial.registryName, "\(StuckTrial.file):\(StuckTrial.line)", "for 15 min"] {
      #expect(outcome.output.contains(text), "\(outcome.output)")
    }
    // The ledger does not have this number, so no number is shown.
    #expect(!outcome.output.contains("are due"), "\(outcome.output)")
  }
}
