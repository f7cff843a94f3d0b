// SPDX-License-Identifier: Apache-2.0

import LedgerReading

/// The ledger's history as the lines of a chart: live bytes and the resident set over the last hour.
struct Timeline {
  static var width: Int { 900 }
  static var height: Int { 220 }

  /// The points of each line as SVG's `polyline` has them. A gap in the history ends a line and begins another one.
  let live: [String]
  let resident: [String]
  /// Where a peak is, and what it was.
  let peaks: [(x: Int, label: String)]
  /// What the top of the chart stands for, in bytes.
  let maximum: Int
  /// Seconds from the first sample to the last one.
  let seconds: Int

  /// Nil if there are fewer than two samples.
  init?(_ snapshot: LedgerSnapshot) {
    let history = snapshot.history
    guard let first = history.first?.second, let last = history.last?.second, last > first else { return nil }
    seconds = last - first
    let maximum = max(1, history.map { max($0.liveByteCount, $0.residentSet) }.max() ?? 1)
    self.maximum = maximum
    func x(_ second: Int) -> Int { Int(Double(second - first) / Double(last - first) * Double(Self.width)) }
    func lines(_ value: (HistorySample) -> Int) -> [String] {
      var lines: [[String]] = []
      var previous: Int?
      for sample in history {
        let y = Self.height - Int(Double(max(0, value(sample))) / Double(maximum) * Double(Self.height))
        let point = "\(x(sample.second)),\(y)"
        // Samples are a second apart, and a few more if the machine is busy.
        if let previous, sample.second - previous <= Self.longestStep {
          lines[lines.count - 1].append(point)
        } else {
          lines.append([point])
        }
        previous = sample.second
      }
      return lines.map { $0.joined(separator: " ") }
    }
    live = lines(\.liveByteCount)
    resident = lines(\.residentSet)
    peaks = snapshot.peaks.filter { (first...last).contains($0.second) }.map { peak in
      let label = peak.reason == .failedAllocation ? "an allocation failed" : "most was live"
      return (x(peak.second), label)
    }
  }

  private static var longestStep: Int { 10 }
}
