// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension LedgerReport.JudgedFinding {
  /// What forms show of a finding that have a row for each line of code.
  struct Row {
    /// Nil if no line is known.
    let site: SiteTotals?
    let count: Int
    let byteCount: Int

    /// "3 of 3,000,000 bytes". Nothing is said of bytes if there are none, or if they are not counted.
    var amount: String { count.grouped + (byteCount == 0 ? "" : " of \(byteCount.grouped) bytes") }
  }

  /// One row for each line of code that is shown; or one without a line, if no line is known.
  var rows: [Row] {
    guard !finding.sites.isEmpty else {
      // --site leaves out all lines of the finding.
      guard leftOutLineCount == 0 else { return [] }
      return [Row(site: nil, count: finding.count, byteCount: finding.byteCount)]
    }
    return finding.sites.map { Row(site: $0, count: $0.count, byteCount: $0.byteCount) }
  }
}
