// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Foundation
import LeakAuditing
import ResourceLedger

/// What a run did, and what memory it left in use, for standard output.
struct BatchSummary {
  let counts: ThumbnailJob.Counts
  let usage: ProcessUsage
  let audit: AuditReport

  /// What is live in the run's own arena: nothing should be when all pictures are done.
  private var held: BookTotals? { audit.arenas.first { $0.name == "thumbnails" }?.live }

  var hasFault: Bool { audit.verdict == .faults || (held?.count ?? 0) > 0 }

  var text: String {
    let rate = usage.seconds > 0 ? Double(counts.made) / usage.seconds : 0
    let failed = counts.failed.grouped
    var lines = [
      "thumbnails: \(counts.made.grouped) made, \(counts.upToDate.grouped) up to date, \(failed) failed, "
        + String(format: "in %.2f seconds, %.1f pictures/s", usage.seconds, rate)
    ]
    if Interruption.current != 0 {
      lines.append("ended by signal \(Interruption.current); the same command continues where this run stopped")
    }
    if counts.failed > 0 { lines.append("the files and folders that failed are named on standard error") }
    lines.append("peak resident set: \(usage.peakResidentSet.grouped) bytes")
    lines.append("")
    for arena in audit.arenas where arena.buffers.created > 0 { lines += arena.textLines + [""] }
    if let held, held.count > 0 {
      lines.append(
        "held: \(held.count.grouped) buffers of \(held.byteCount.grouped) bytes are live after the last picture")
    }
    lines += Finding.textLines(audit.findings)
    lines.append(audit.verdict.text)
    return lines.joined(separator: "\n")
  }
}
