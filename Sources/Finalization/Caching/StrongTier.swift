// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The entries whose values a cache holds strongly, the least recently used first.
///
/// They form a heap, ordered by the stamps that were known when each entry was put in its place. A use changes only the
/// entry's own stamp. If the first entry was used since, `evictOldest` puts it back with its new stamp. Stamps only
/// grow, so that the entry which it takes out is exactly the least recently used one.
struct StrongTier<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
  typealias Entry = CacheEntry<Key, Value>

  private struct Item {
    var stamp: UInt64
    let entry: Entry
  }

  private var heap: [Item] = []
  private(set) var byteCount = 0

  /// Makes an entry strong.
  mutating func admit(_ entry: Entry, value: Value, stamp: UInt64) {
    entry.stamp.store(stamp, ordering: .relaxed)
    entry.strong = value
    unsafe byteCount += entry.byteCount
    heap.append(Item(stamp: stamp, entry: entry))
    siftUp(heap.count - 1)
  }

  /// Makes the least recently used entry weak.
  /// - Returns: its value, which the caller releases after the write section, and the entry; nil if no entry is strong.
  mutating func evictOldest() -> (value: Value, entry: Entry)? {
    while let first = heap.first {
      let stamp = first.entry.stamp.load(ordering: .relaxed)
      if stamp > first.stamp {
        heap[0].stamp = stamp
        siftDown(0)
        continue
      }
      removeFirst()
      guard let value = first.entry.strong else { continue }
      first.entry.strong = nil
      unsafe byteCount -= first.entry.byteCount
      return (value, first.entry)
    }
    return nil
  }

  mutating func removeAll() {
    heap = []
    byteCount = 0
  }

  // MARK: The heap

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    siftDown(0)
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0, heap[index].stamp < heap[(index - 1) / 2].stamp {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      let left = 2 * index + 1
      guard left < heap.count else { return }
      let right = left + 1
      let least = right < heap.count && heap[right].stamp < heap[left].stamp ? right : left
      guard heap[least].stamp < heap[index].stamp else { return }
      heap.swapAt(index, least)
      index = least
    }
  }
}
