// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

/// Idle blocks of an arena that are not to be kept, and wait for the maintenance thread to give them back. Any thread
/// leaves and takes blocks without a lock.
///
/// They wait only for a moment, because leaving a block calls the maintenance thread. If this list has no room for a
/// block, the thread that disposes the block gives it back. So beyond its limit, an arena has at most an eighth of the
/// limit and one block idle.
struct SurplusBlocks: ~Copyable {
  /// The maintenance thread would need too long for more blocks than this.
  static let countLimit = 1_024

  private let byteLimit: Int
  private let blocks = EntryStack()
  /// The number of blocks and their bytes, or more: a block is counted before it is pushed.
  private let blockCount = Atomic<Int>(0)
  private let byteCount = Atomic<Int>(0)

  init(idleByteLimit: Int) { byteLimit = idleByteLimit / 8 }

  /// Leaves a block here.
  /// - Returns: whether there was room: whether the bytes before this block were within the limit. So one block of any
  ///   size may wait.
  func push(_ entry: LedgerEntry) -> Bool {
    let capacity = entry.capacity
    let newCount = blockCount.add(1, ordering: .sequentiallyConsistent).newValue
    // Each push sees the bytes of all blocks that were accepted before it, and perhaps of some that will be refused.
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

  /// The number of blocks that wait. A block that another thread is just leaving may count already.
  var count: Int { blockCount.load(ordering: .sequentiallyConsistent) }
}
