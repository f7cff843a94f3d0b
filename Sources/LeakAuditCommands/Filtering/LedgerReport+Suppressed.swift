// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension LedgerReport {
  /// What rules of suppression files left out: a heading with the sum, and a row for each rule with its reason.
  func suppressedLines(units: ByteText, style: Style, width: Int?) -> [String] {
    guard !suppressed.isEmpty else { return [] }
    let count = Int.clampedSum(suppressed.map(\.count))
    let byteCount = Int.clampedSum(suppressed.map(\.byteCount))
    let title = "left out by rules of suppression files: \(Self.amount(count, byteCount, units))"
    let rows = suppressed.flatMap { row in
      let amount = Self.amount(row.count, row.byteCount, units)
      return "\(row.kind.rawValue): \(amount), by \(row.file):\(row.line) because \(row.reason.shownOnTerminals)"
        .wrapped(to: width, indent: 2)
    }
    return title.wrapped(to: width, indent: 0).map(style.heading) + rows + [""]
  }

  /// "3 of 2.86 MiB"; without bytes if the resources have none.
  private static func amount(_ count: Int, _ byteCount: Int, _ units: ByteText) -> String {
    byteCount == 0 ? count.grouped : "\(count.grouped) of \(units.phrase(byteCount))"
  }
}
