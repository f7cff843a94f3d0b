// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Foundation
import LeakAuditing
import ResourceLedger

/// What the demo prints, as text or JSON.
struct DemoReport: Encodable {
  let verdict: Verdict
  let findings: [Finding]
  let arenas: [ArenaBooks]
  let outside: AuditReport.OutsideMemory
  let run: Run

  struct Run: Encodable {
    let folders: [String]
    /// Whether the demo drew its pictures itself.
    let drawn: Bool
    /// The number of pictures whose thumbnail was made.
    let pictures: Int
    let failures: [BatchFailure]
    let seconds: Double
    let picturesPerSecond: Double
    /// The largest resident set of the whole process, in bytes.
    let peakResidentSet: Int
    let minorFaults: Int
    let buffersCreated: Int
    let buffersDisposed: Int
    let buffersRescued: Int
    let output: String?

    init(
      folders: [String], drawn: Bool, pictures: Int, failures: [BatchFailure], output: String?, usage: ProcessUsage,
      arenas: [ArenaBooks]
    ) {
      self.folders = folders
      self.drawn = drawn
      self.pictures = pictures
      self.failures = failures
      self.output = output
      seconds = usage.seconds
      picturesPerSecond = usage.seconds > 0 ? Double(pictures) / usage.seconds : 0
      peakResidentSet = usage.peakResidentSet
      minorFaults = usage.minorFaults
      buffersCreated = arenas.reduce(0) { $0 + $1.buffers.created }
      buffersDisposed = arenas.reduce(0) { $0 + $1.buffers.disposed }
      buffersRescued = arenas.reduce(0) { $0 + $1.buffers.rescued }
    }
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  var text: String {
    var lines: [String] = []
    if run.drawn { lines.append("no folder was named: the demo drew its own pictures") }
    let rate = String(format: "%.2f seconds, %.1f pictures/s", run.seconds, run.picturesPerSecond)
    lines.append("pictures: \(run.pictures.grouped) in \(rate)")
    if !run.failures.isEmpty {
      lines.append("not processed: \(run.failures.count.grouped); they are named on standard error")
    }
    lines.append("thumbnails: \(run.output ?? "made in a temporary folder and removed; keep them with --output")")
    lines.append("peak resident set: \(run.peakResidentSet.grouped) bytes; minor faults: \(run.minorFaults.grouped)")
    lines.append(
      "buffers: \(run.buffersCreated.grouped) created, \(run.buffersDisposed.grouped) disposed, "
        + "\(run.buffersRescued.grouped) rescued")
    lines.append("")
    for arena in arenas { lines += arena.textLines + [""] }
    lines += Finding.textLines(findings)
    lines.append(verdict.text)
    return lines.joined(separator: "\n")
  }
}
