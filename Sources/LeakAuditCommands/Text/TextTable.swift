// SPDX-License-Identifier: Apache-2.0

/// Rows of cells in columns that are as wide as their widest cell. The last column takes what is left of the width.
package struct TextTable {
  package enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[Cell]] = []

  private struct Cell {
    var text: String
    var paint: (@Sendable (String) -> String)?
  }

  package init(_ alignments: [Alignment]) { self.alignments = alignments }

  /// Adds a row of one cell for each column.
  /// - Parameter paint: adds the colour of the row. It is called after the widths are known, because codes for colours
  ///   have no width.
  package mutating func add(_ cells: [String], paint: (@Sendable (String) -> String)? = nil) {
    rows.append(cells.map { Cell(text: $0, paint: paint) })
  }

  /// The lines of the table.
  /// - Parameters:
  ///   - indent: spaces before each line.
  ///   - width: columns of a line at most, reached by shortening the last cell; nil for lines of any length.
  package func lines(indent: Int = 2, width: Int? = nil) -> [String] {
    guard let columnCount = rows.first?.count else { return [] }
    let widths = (0..<columnCount).map { column in rows.map { $0[column].text.count }.max() ?? 0 }
    let before = indent + widths.dropLast().reduce(0) { $0 + $1 + 2 }
    return rows.map { row in
      var line = String(repeating: " ", count: indent)
      for (column, cell) in row.enumerated() {
        let isLast = column == columnCount - 1
        var text = cell.text
        if isLast, let width { text = text.shortened(to: max(12, width - before)) }
        if alignments[column] == .right {
          text = text.paddedLeft(to: widths[column])
        } else if !isLast {
          text = text.paddedRight(to: widths[column])
        }
        line += (cell.paint.map { $0(text) } ?? text) + (isLast ? "" : "  ")
      }
      return line.trimmingTrailingSpaces
    }
  }
}

extension String {
  fileprivate var trimmingTrailingSpaces: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
