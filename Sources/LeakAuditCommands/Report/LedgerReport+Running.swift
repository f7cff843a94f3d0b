// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

// What a report says of a process that ran when its ledger was read.

extension LedgerSnapshot {
  /// Whether the ledger was read from its file, although its process ran and could be asked.
  var isOfFileOfRunningProcess: Bool { isRunning == true && seenProcessID == nil }

  /// Whether the process had created a buffer.
  var hasHadBuffer: Bool {
    domains.contains { $0.kind.isOfBuffers && $0.endedCount > 0 }
      || sums.contains { domains[$0.domain].kind.isOfBuffers }
  }
}

extension LedgerReport {
  /// What the title says more of a process that ran.
  static func titleEnd(_ snapshot: LedgerSnapshot, isKept: Bool, stillRuns: Bool?) -> String {
    if isKept { return stillRuns == false ? "; it has ended since this snapshot" : "" }
    return snapshot.isOfFileOfRunningProcess ? "; it still runs" : ""
  }

  /// Whether the ledger was read from its file, although its process ran and could be asked.
  var isOfFileOfRunningProcess: Bool { isRunning == true && seenProcessID == nil }

  /// The verdict of a process that was not judged.
  func notJudgedText(notesAre place: String) -> String {
    let reason = isOfSnapshot ? "it still ran when the snapshot was taken" : "it still runs"
    let notes = findings.isEmpty ? "" : " No finding counts; see the notes \(place)."
    return "verdict: not judged, because \(reason).\(notes)"
  }

  /// Why the books of a process that ran are not compared, if only the file of its ledger was read.
  var fileOnlyText: String {
    let ran = isOfSnapshot ? "ran when the snapshot was taken" : "still runs"
    let next =
      stillRuns == true
      ? " leak-audit report \(process?.id ?? 0) asks the process, and compares both books."
      : stillRuns == false ? " It has ended since." : ""
    return "the process \(ran), and only the file of its ledger was read. What it holds is not judged.\(next)"
  }
}
