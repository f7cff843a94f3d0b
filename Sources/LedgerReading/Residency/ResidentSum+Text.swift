// SPDX-License-Identifier: Apache-2.0

extension ResidentSum {
  /// The sum as a table of several lines.
  /// - Parameter units: writes a number of bytes, for example with its digits in groups of three.
  package func text(units: (Int) -> String = { $0.grouped }) -> String {
    let hasSwap = rows.contains { $0.swapped != 0 }
    func line(_ name: String, _ resident: Int, _ size: Int?, _ swapped: Int?) -> [String] {
      let cells = [name, units(resident), size.map(units) ?? "", swapped.map { $0 == 0 ? "" : units($0) } ?? ""]
      return hasSwap ? cells : Array(cells.dropLast())
    }
    let heading = ["", "resident", "of", "in swap space"]
    var lines = [hasSwap ? heading : Array(heading.dropLast())]
    for row in rows {
      lines.append(line(label(row.term), row.resident, row.size, row.swapped))
      if row.term == .other {
        lines += otherParts.prefix(Self.shownParts).map { line("  \($0.name.inOneLine)", $0.resident, nil, nil) }
      }
    }
    lines.append(line("resident set", total, nil, nil))
    var text = ["memory"] + table(lines).map(\.withoutTrailingSpaces)
    if let retained, retained > 0 { text.append("  besides: \(units(retained)) of address space without memory") }
    if hugePages > 0 { text.append("  in huge pages: \(units(hugePages))") }
    if sharedMemory > 0 { text.append("  shared memory, among the files: \(units(sharedMemory))") }
    if swapped > 0 { text.append("  in swap space, not in the sum: \(units(swapped))") }
    if self[.unused] != nil { text.append("  The process did not say how much of its unused memory is of which sort.") }
    return text.joined(separator: "\n")
  }

  /// So many parts of `other` are shown.
  private static var shownParts: Int { 5 }

  private func label(_ term: Term) -> String {
    switch term {
    case .live: "live"
    case .detached: "detached"
    case .rounding: "rounding"
    case .idle: "idle"
    case .quarantined: "quarantined"
    case .freePlaces: "free places"
    case .dirty: "dirty pages"
    case .muzzy: "muzzy pages"
    case .unused: "unused, or jemalloc's own"
    case .jemalloc: "jemalloc's own"
    case .books: "the books"
    case .malloc: mallocName.map { "malloc (\($0.inOneLine))" } ?? "malloc"
    case .files: "files and libraries"
    case .stacks: "stacks"
    case .other: "other"
    }
  }
}

extension String {
  /// The last cells of a row may be empty.
  fileprivate var withoutTrailingSpaces: String { lastIndex { $0 != " " }.map { String(self[...$0]) } ?? "" }

  /// At most 60 characters of a name that any program may have given to a file.
  fileprivate var inOneLine: String {
    let shown = shownOnTerminals
    return shown.count > 60 ? shown.prefix(60) + "…" : shown
  }
}
