// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

/// Idle blocks of an arena that are not to be kept, and wait for the maintenance thread to give them back. Any thread
/// leaves and takes one without a lock.
///
/// They were live a moment before, and the maintenance thread is on its way. What the list has no room for is given back
/// by whoever disposes it: beyond its limit an arena may have an eighth of that and one block idle, and no more.
struct SurplusBlocks: ~Copyable {
  /// With more blocks than this the maintenance thread would need too long for them.
  static let countLimit = 1_024

  private let byteLimit: Int
  private let blocks = EntryStack()
  /// Blocks, and their bytes: never fewer than lie there.
  private let blockCount = Atomic<Int>(0)
  private let byteCount = Atomic<Int>(0)

  init(idleByteLimit: Int) { byteLimit = idleByteLimit / 8 }

  /// - Returns: whether there was room: less than the limit, so that one block of any size may wait.
  func push(_ entry: LedgerEntry) -> Bool {
    let capacity = entry.capacity
    let newCount = blockCount.add(1, ordering: .sequentiallyConsistent).newValue
    // Each push sees the bytes of all that were let in before it, and perhaps of some that will not be.
    let before = byteCount.add(capacity, ordering: .relaxed).oldValue
    guard newCount <= Self.countLimit, before <= byteLimit else {
      uncount(capacity)
      return false
    }
    blocks.push(entry, in: .shared)
    return true
  }

  func pop() -> LedgerEntry? {
    guard let entry = blocks.pop(in: .shared) else { return nil }
    uncount(entry.capacity)
    return entry
  }

  private func uncount(_ capacity: Int) {
    byteCount.subtract(capacity, ordering: .relaxed)
    blockCount.subtract(1, ordering: .sequentiallyConsistent)
  }

  /// Blocks that wait; one that is just being left may count already.
  var count: Int { blockCount.load(ordering: .sequentiallyConsistent) }
}
