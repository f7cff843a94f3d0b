// SPDX-License-Identifier: Apache-2.0

/// Keeps the live entries that asked for most bytes, and of equal ones those with the lowest indices: a heap whose
/// first element is the one to go next.
struct LargestEntries {
  struct Entry {
    let index: Int
    let fields: EntryFields
    let use: ResourceUse

    /// Whether the entry goes before another one.
    @inline(__always)
    func isLess(than other: Entry) -> Bool {
      fields.byteCount != other.fields.byteCount
        ? fields.byteCount < other.fields.byteCount : index > other.index
    }
  }

  private let limit: Int
  private var heap: [Entry] = []

  init(limit: Int) { self.limit = limit }

  @inline(__always)
  mutating func offer(_ fields: EntryFields, use: ResourceUse, at index: Int) {
    if heap.count == limit {
      // Entries come with ascending indices, so one that is equal does not displace another one.
      guard let least = heap.first, fields.byteCount > least.fields.byteCount else { return }
      replaceLeast(by: Entry(index: index, fields: fields, use: use))
    } else {
      append(Entry(index: index, fields: fields, use: use))
    }
  }

  private mutating func append(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, heap[child].isLess(than: heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func replaceLeast(by entry: Entry) {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].isLess(than: heap[child]) { child += 1 }
      guard heap[child].isLess(than: entry) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = entry
  }

  /// Largest first.
  func sorted() -> [Entry] { heap.sorted { $1.isLess(than: $0) } }
}
