// SPDX-License-Identifier: Apache-2.0

import Finalization
import Foundation
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

@testable import LeakAuditing

@Suite("Audit: more lines than the ledger has room for")
struct UnrecordedLineTests {
  @Test("Resources that are created on lines beyond the ledger's room are counted, and a note reports them")
  func note() throws {
    let ledger = try Ledger(entryCapacity: 1)
    #expect(LeakAuditor.unrecorded(in: ledger) == nil)
    for line in 1...4_100 { _ = ledger.intern(file: #fileID, line: UInt(line), function: #function) }
    let finding = try #require(LeakAuditor.unrecorded(in: ledger))
    #expect(finding.kind == .unrecorded && finding.count == 5 && Verdict([finding]) == .notes)
    #expect(
      Finding.textLines([finding]) == [
        "findings", "  unrecorded (note): 5",
        "    created on lines that the ledger had no room to record: reports show (unknown):0 instead",
        "    4,095 lines are recorded, the first ones that created or disposed something", "",
      ])
  }

  @Test(
    "The process's ledger has room for a million lines, and an audit reports how many creations had no room for theirs",
    .enabled(if: TestLength.isLong, "a million lines take seconds")
  )
  func millionLines() async {
    await #expect(processExitsWith: .exitCode(0)) {
      for line in 1...1_048_575 { _ = Ledger.shared.intern(file: "Elsewhere.swift", line: UInt(line), function: "") }
      guard try LeakAuditor.audit().findings.isEmpty else { exit(1) }
      for _ in 0..<3 {
        let buffer = try NativeBuffer(byteCount: 64); _ = try NativeResource(1) { _ in }.dispose()
        buffer.dispose()
      }
      let notes = try LeakAuditor.audit().findings
      guard notes.map(\.kind) == [.unrecorded], notes[0].count == 6 else { exit(2) }
    }
  }
}
