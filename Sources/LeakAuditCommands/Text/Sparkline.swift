// SPDX-License-Identifier: Apache-2.0

/// A small curve of one character a column.
package enum Sparkline {
  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// The curve of values in at most `width` columns: each column is the greatest value of its part, so that a short
  /// peak is seen. The lowest bar stands for the least value, and the highest for the greatest. If all values are the
  /// same, all bars are low.
  package static func text(_ values: [Int], width: Int) -> String {
    guard !values.isEmpty, width > 0 else { return "" }
    let columnCount = min(width, values.count)
    let columns = (0..<columnCount).map { column in
      let start = column * values.count / columnCount
      let end = (column + 1) * values.count / columnCount
      return values[start..<end].reduce(Int.min, max)
    }
    let least = columns.reduce(Int.max, min)
    let greatest = columns.reduce(Int.min, max)
    let range = Int128(greatest) - Int128(least)
    return String(
      columns.map { value in
        range == 0 ? bars[0] : bars[Int((Int128(value) - Int128(least)) * Int128(bars.count - 1) / range)]
      })
  }
}
