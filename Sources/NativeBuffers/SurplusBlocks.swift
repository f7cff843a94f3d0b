import ResourceLedger
import Synchronization

/// Idle blocks of an arena that are not to be kept, and wait for the maintenance thread to give them back. Any thread
/// leaves and takes one without a lock.
///
/// They were live a moment before, and the maintenance thread is on its way: the limits bound what is lost where it
/// cannot keep up.
struct SurplusBlocks: ~Copyable {
  static let countLimit = 1_024
  static var byteLimit: Int { 128 << 20 }

  private let blocks = EntryStack()
  /// Blocks, and their bytes: never fewer than lie there.
  private let blockCount = Atomic<Int>(0)
  private let byteCount = Atomic<Int>(0)

  /// - Returns: whether there was room.
  func push(_ entry: LedgerEntry) -> Bool {
    let capacity = entry.capacity
    let newCount = blockCount.add(1, ordering: .sequentiallyConsistent).newValue
    let newByteCount = byteCount.add(capacity, ordering: .relaxed).newValue
    guard newCount <= Self.countLimit, newByteCount <= Self.byteLimit else {
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
    blockCount.subtract(1, ordering: .relaxed)
  }

  /// Blocks that wait; one that is just being left may count already.
  var count: Int { blockCount.load(ordering: .sequentiallyConsistent) }
}
