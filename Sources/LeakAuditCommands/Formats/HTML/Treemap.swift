// SPDX-License-Identifier: Apache-2.0

/// A treemap: rectangles whose areas are in the ratio of values, and that are as square as possible.
///
/// The algorithm is that of Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000: rows are filled along the shorter
/// side for as long as that makes the worst rectangle of the row less elongated.
struct Treemap {
  struct Rectangle: Equatable {
    var x: Double
    var y: Double
    var width: Double
    var height: Double
  }

  /// One rectangle for each value, in the same order.
  let rectangles: [Rectangle]

  /// - Parameter values: above 0, largest first.
  /// - Complexity: O(n).
  init(_ values: [Double], width: Double, height: Double) {
    let total = values.reduce(0, +)
    guard total > 0 else {
      rectangles = values.map { _ in Rectangle(x: 0, y: 0, width: 0, height: 0) }
      return
    }
    let areas = values.map { $0 / total * width * height }
    var free = Rectangle(x: 0, y: 0, width: width, height: height)
    var result: [Rectangle] = []
    var row = Row(side: min(width, height))
    for area in areas {
      let longer = row.adding(area)
      if row.areas.isEmpty || longer.worstRatio <= row.worstRatio {
        row = longer
      } else {
        result += row.place(in: &free)
        row = Row(side: min(free.width, free.height)).adding(area)
      }
    }
    rectangles = result + row.place(in: &free)
  }

  /// Rectangles that lie side by side along a side of the free area.
  private struct Row {
    let side: Double
    private(set) var areas: [Double] = []
    private var sum = 0.0

    init(side: Double) { self.side = side }

    func adding(_ area: Double) -> Row {
      var row = self
      row.areas.append(area)
      row.sum += area
      return row
    }

    /// The longer side by the shorter side of the most elongated rectangle. The first area is the largest.
    var worstRatio: Double {
      guard let largest = areas.first, let smallest = areas.last, smallest > 0, side > 0 else { return .infinity }
      let square = side * side
      return max(square * largest / (sum * sum), sum * sum / (square * smallest))
    }

    /// Takes the row's place from the free area.
    func place(in free: inout Rectangle) -> [Rectangle] {
      guard sum > 0, side > 0 else { return areas.map { _ in Rectangle(x: free.x, y: free.y, width: 0, height: 0) } }
      let depth = sum / side
      let isColumn = free.width >= free.height
      var offset = 0.0
      let placed = areas.map { area in
        let length = area / depth
        defer { offset += length }
        return isColumn
          ? Rectangle(x: free.x, y: free.y + offset, width: depth, height: length)
          : Rectangle(x: free.x + offset, y: free.y, width: length, height: depth)
      }
      if isColumn {
        free.x += depth
        free.width = max(0, free.width - depth)
      } else {
        free.y += depth
        free.height = max(0, free.height - depth)
      }
      return placed
    }
  }
}
