// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// The lines of code that had most when there was most, or when an allocation failed.
struct ReportedPeak: Encodable {
  let reason: LedgerPeak.Reason
  /// Seconds before the ledger was read, or before the process ended.
  let secondsBefore: Int
  let live: LedgerReport.Amount
  /// The bytes that the failed allocation asked for.
  let requestedBytes: Int
  let lines: [Share]

  struct Share: Encodable {
    let site: Site
    let count: Int
    let byteCount: Int
  }

  init(_ peak: LedgerPeak, in snapshot: LedgerSnapshot) {
    reason = peak.reason
    // Both are seconds of the same clock, and a damaged ledger may have any.
    let (difference, overflow) = snapshot.clock.now.subtractingReportingOverflow(peak.second)
    secondsBefore = overflow ? 0 : max(0, difference)
    live = LedgerReport.Amount((peak.liveCount, peak.liveByteCount))
    requestedBytes = peak.requestedByteCount
    lines = peak.sites.map { share in
      Share(site: snapshot.sites[share.site].site, count: share.count, byteCount: share.byteCount)
    }
  }

  /// A heading, and a row for each line of code.
  func textLines(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    let amount = "\(live.count.grouped) of \(units.phrase(live.byteCount)) were live"
    let title =
      switch reason {
      case .mostLiveBytes: "most was live \(Age.text(seconds: secondsBefore)) before: \(amount)"
      case .failedAllocation:
        "an allocation of \(units.phrase(requestedBytes)) failed \(Age.text(seconds: secondsBefore)) before: \(amount)"
      }
    var table = TextTable([.right, .right, .left])
    for line in lines.prefix(top) {
      table.add([units.text(line.byteCount), line.count.grouped, line.site.description])
    }
    return title.wrapped(to: width, indent: 0).map(style.heading) + table.lines(width: width) + [""]
  }
}
