// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// Remembers what each line of code had live during the last minute, so that growth can be shown.
struct WatchGrowth {
  private var past: [(time: UInt64, byteCounts: [Site: Int])] = []
  /// Nanoseconds over which growth is measured.
  static let span: UInt64 = 60_000_000_000
  /// The past is kept in steps of this many nanoseconds, so that its memory does not depend on how often it is read.
  private static let step: UInt64 = 5_000_000_000

  /// Growth in the time that was seen.
  struct Seen {
    /// Growth by line of code; none for lines that are not in it.
    var bytes: [Site: Int] = [:]
    /// The time in which it was; 0 if there was no earlier snapshot.
    var seconds = 0
  }

  /// The lines' growth since a minute ago, or since the first snapshot; then remembers the snapshot.
  /// - Parameter time: nanoseconds of a clock that never goes back.
  mutating func growth(of lines: [LineTotals], at time: UInt64) -> Seen {
    while past.count > 1, time - past[1].time >= Self.span { past.removeFirst() }
    var growth = Seen()
    if let first = past.first {
      growth.seconds = Int((time - first.time) / 1_000_000_000)
      for line in lines { growth.bytes[line.site] = line.byteCount - (first.byteCounts[line.site] ?? 0) }
    }
    if past.last.map({ time - $0.time >= Self.step }) ?? true {
      past.append((time, Dictionary(uniqueKeysWithValues: lines.map { ($0.site, $0.byteCount) })))
    }
    return growth
  }
}
