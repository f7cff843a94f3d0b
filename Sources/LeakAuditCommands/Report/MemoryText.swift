// SPDX-License-Identifier: Apache-2.0

package import LedgerReading

extension ResidentSum {
  /// The sum as a table, and what is to be said about it.
  /// - Parameter width: columns of a line at most; nil for any number.
  package func textLines(units: ByteText, style: Style = .plain, width: Int? = nil) -> [String] {
    ["memory"].map(style.heading) + tableLines(units, width: width)
      + remarks(units).flatMap { $0.wrapped(to: width, indent: 2) }
  }

  private func tableLines(_ units: ByteText, width: Int?) -> [String] {
    let room = width.map { nameRoom(units, width: $0) } ?? .max
    let noteWidth = rows.compactMap { sizeNote($0.term)?.count }.max() ?? 0
    var table = TextTable([.left, .right, .right, .right, .left], dropping: [3, 2])
    func add(_ name: String, _ resident: String, _ size: String = "", _ note: String = "", swapped: String = "") {
      let cell = size.isEmpty || noteWidth == 0 ? size : "\(size)  \(note.paddedRight(to: noteWidth))"
      table.add([name.shortened(to: room), resident, cell, swapped, ""])
    }
    add("", "resident", "of", swapped: rows.contains { $0.swapped != 0 } ? "in swap space" : "")
    for row in rows {
      add(
        label(row.term), units.text(row.resident), shownSize(row).map(units.text) ?? "", sizeNote(row.term) ?? "",
        swapped: row.swapped == 0 ? "" : units.text(row.swapped))
      guard row.term == .other else { continue }
      for part in otherParts.prefix(Self.shownParts) {
        add("  \(part.name.shownOnTerminals)", units.text(part.resident))
      }
    }
    add("resident set", units.text(total))
    return table.lines(width: width)
  }

  /// The columns for names. They take what the figures leave; where that is little, the columns of the table that can
  /// be left out make room for them.
  private func nameRoom(_ units: ByteText, width: Int) -> Int {
    func widest(_ texts: [String]) -> Int { texts.map(\.count).max() ?? 0 }
    let resident = max(8, units.text(total).count)
    let notes = widest(rows.compactMap { sizeNote($0.term) })
    let size = widest(rows.compactMap { shownSize($0).map(units.text) }) + 2 + notes
    let swapped = rows.contains { $0.swapped != 0 } ? 2 + max(13, widest(rows.map { units.text($0.swapped) })) : 0
    let beside = width - 2 - (2 + resident) - (2 + size) - swapped
    return max(beside, max(12, min(max(26, width / 2), width - 4 - resident)))
  }

  /// What a row has in all. It is left out if it is less than what is resident: the two are of different moments.
  /// ``remarks`` explain why this is common for `malloc`.
  private func shownSize(_ row: Row) -> Int? {
    guard let size = row.size, row.term == .malloc || size >= row.resident else { return nil }
    return size
  }

  /// What a size is, if it is not memory that could all be resident.
  private func sizeNote(_ term: Term) -> String? {
    switch term {
    case .books, .stacks: "reserved"
    case .files: "mapped"
    case .malloc: self[.malloc]?.size.map { _ in "given out" }
    default: nil
    }
  }

  private func remarks(_ units: ByteText) -> [String] {
    var text: [String] = []
    if let malloc = self[.malloc], let size = malloc.size, size < malloc.resident {
      text.append(
        "malloc: more is resident than it has given out, because it keeps what was released for reuse. Large memory "
          + "that other code mapped by itself counts here, too.")
    }
    if let retained, retained > 0 { text.append("besides: \(units.phrase(retained)) of address space without memory") }
    if hugePages > 0 { text.append("in huge pages: \(units.phrase(hugePages))") }
    if sharedMemory > 0 { text.append("shared memory, among the files: \(units.phrase(sharedMemory))") }
    if swapped > 0 { text.append("in swap space, not in the sum: \(units.phrase(swapped))") }
    if self[.unused] != nil {
      text.append("The process did not say how much of its unused memory is of which sort.")
    }
    return text
  }

  /// So many parts of `other` are shown.
  private static var shownParts: Int { 5 }

  /// The name of a term, for people.
  func label(_ term: Term) -> String {
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
    case .malloc: mallocName.map { "malloc (\($0.shownOnTerminals))" } ?? "malloc"
    case .files: "files and libraries"
    case .stacks: "stacks"
    case .other: "other"
    }
  }
}
