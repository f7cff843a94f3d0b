// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension SnapshotDiff {
  /// The lines of code that changed, most bytes first, and the sums.
  /// - Parameters:
  ///   - leftOutBy: the options that leave lines out.
  ///   - top: how many lines of code are shown.
  ///   - width: columns of a line at most; nil for any number.
  func textLines(leftOutBy: [String], top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    guard !lines.isEmpty else {
      guard leftOutCount > 0 else { return ["no line of code has another count or other bytes live"] }
      return noLineText(leftOutBy, leftOutCount, leftOutCount.counted("changed line")).wrapped(to: width, indent: 0)
    }
    var table = TextTable([.left, .right, .right, .right, .right, .left], dropping: [3, 4, 2])
    table.add(["", "bytes", "count", "now", "bytes now", "line of code"], paint: style.faint)
    for line in lines.prefix(top) {
      table.add(
        [
          line.change.rawValue, units.signed(line.byteChange), line.countChange.signed, line.new.count.grouped,
          units.text(line.new.byteCount),
        ], line.site,
        paint: line.byteChange > 0 ? style.note : nil)
    }
    let sum = (new.count - old.count, new.byteCount - old.byteCount)
    table.add(["all", units.signed(sum.1), sum.0.signed, new.count.grouped, units.text(new.byteCount), ""])
    let rest = lines.count - top
    let others = "… and \(rest.counted("more line")) of code; --top \(lines.count) shows all of them"
    return table.lines(width: width) + (rest > 0 ? others.wrapped(to: width, indent: 2) : [])
  }
}

extension Int {
  /// With commas, and with a sign if it is greater than 0.
  var signed: String { self > 0 ? "+\(grouped)" : grouped }
}
