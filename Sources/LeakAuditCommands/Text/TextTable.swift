// SPDX-License-Identifier: Apache-2.0

package import ResourceLedger

/// Rows of cells in columns that are as wide as their widest cell. The last column takes what is left of the width.
package struct TextTable {
  package enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private let dropping: [Int]
  private var rows: [Row] = []

  private struct Row {
    var cells: [String]
    /// The last cell, if it is a line of code.
    var site: Site?
    var paint: (@Sendable (String) -> String)?

    /// What the last cell needs, so that nothing important is shortened.
    var leastLastWidth: Int { site?.place.count ?? cells.last?.count ?? 0 }
  }

  /// - Parameter dropping: the columns that are left out if a line would be too long, the least important one first.
  ///   The last column is not among them.
  package init(_ alignments: [Alignment], dropping: [Int] = []) {
    self.alignments = alignments
    self.dropping = dropping
  }

  /// Adds a row of one cell for each column.
  /// - Parameter paint: adds the colour of the row. It is called after the widths are known, because codes for colours
  ///   have no width.
  package mutating func add(_ cells: [String], paint: (@Sendable (String) -> String)? = nil) {
    rows.append(Row(cells: cells, paint: paint))
  }

  /// Adds a row whose last cell is a line of code.
  /// - Parameter cells: those before it.
  package mutating func add(_ cells: [String], _ site: Site, paint: (@Sendable (String) -> String)? = nil) {
    rows.append(Row(cells: cells + [site.description], site: site, paint: paint))
  }

  /// The lines of the table.
  ///
  /// If a line would be longer than `width`, columns are left out, and the last cell is shortened. File and line of a
  /// line of code are never shortened: if there is no room for them beside the other cells, they have a line of their
  /// own below these.
  /// - Parameters:
  ///   - indent: spaces before each line.
  ///   - width: columns of a line at most; nil for lines of any length.
  ///   - isOneLineEach: makes one line of each row, for a screen: then file and line may be shortened.
  package func lines(indent: Int = 2, width: Int? = nil, isOneLineEach: Bool = false) -> [String] {
    guard !rows.isEmpty else { return [] }
    let widths = alignments.indices.map { column in rows.map { $0.cells[column].count }.max() ?? 0 }
    // On a screen, a line of code of less than 8 columns says nothing.
    let columns = shownColumns(
      widths, indent: indent, width: width, leastLast: isOneLineEach ? min(8, widths.last ?? 0) : 0)
    let start = start(columns, widths, indent: indent)
    return rows.flatMap { row in
      let paint = row.paint ?? { $0 }
      var line = String(repeating: " ", count: indent)
      for column in columns {
        let cell = row.cells[column]
        line += paint(
          alignments[column] == .right ? cell.paddedLeft(to: widths[column]) : cell.paddedRight(to: widths[column]))
        line += "  "
      }
      guard let last = alignments.indices.last else { return [line] }
      var text = row.cells[last]
      if let width {
        let room = max(1, width - start)
        if let site = row.site, !isOneLineEach {
          guard start + site.place.count <= width else {
            return [line.trimmingTrailingSpaces, paint(site.ownLine(indent: indent + 2, width: width))]
          }
          text = site.text(width: width - start)
        } else {
          text = row.site?.text(atMost: room) ?? text.shortened(to: room)
        }
      }
      if alignments[last] == .right { text = text.paddedLeft(to: widths[last]) }
      return [(line + paint(text)).trimmingTrailingSpaces]
    }
  }

  /// The columns before the last one that have room beside it.
  /// - Parameter leastLast: the columns that the last one gets also if no row has room.
  private func shownColumns(_ widths: [Int], indent: Int, width: Int?, leastLast: Int) -> [Int] {
    var columns = alignments.indices.dropLast().filter { widths[$0] > 0 }
    guard let width else { return columns }
    // A row that has no room even beside the most important columns does not decide for the others.
    let least = start(columns.filter { !dropping.contains($0) }, widths, indent: indent)
    let fitting = rows.map(\.leastLastWidth).filter { least + $0 <= width }.max() ?? 0
    // Before a last column without text, there is no gap.
    let needed = widths.last == 0 ? -2 : max(fitting, leastLast)
    for column in dropping where start(columns, widths, indent: indent) + needed > width {
      columns.removeAll { $0 == column }
    }
    return columns
  }

  /// Where the last column begins, if these columns are before it.
  private func start(_ columns: [Int], _ widths: [Int], indent: Int) -> Int {
    columns.reduce(indent) { $0 + widths[$1] + 2 }
  }
}

extension String {
  var trimmingTrailingSpaces: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
