// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The position of a sweep in a shard.
struct ShardPosition {
  var slot = 0
  /// The shard's version when the sweep of the shard began; -1 before that.
  var version = -1
  var isAtEnd = false
}

/// The shards of a ``WatchTable``. They are never freed, so that their use counts no references.
// SAFETY: written once, before any thread reads it.
@safe struct WatchShards: @unchecked Sendable {
  private let shards: UnsafeMutablePointer<Unmanaged<WatchShard>>
  private let shardCount: Int

  init(count: Int) {
    shardCount = count
    unsafe shards = .allocate(capacity: count)
    let locks = SpinLocks(.watchShard, count: count)
    for index in 0..<count {
      unsafe (shards + index).initialize(to: Unmanaged.passRetained(WatchShard(lock: locks[index])))
    }
  }

  @inline(__always)
  func with<R>(_ index: Int, _ body: (WatchShard) -> R) -> R {
    unsafe shards[index]._withUnsafeGuaranteedRef(body)
  }

  @inline(__always)
  func with<R>(shardOf object: AnyObject, _ body: (WatchShard) -> R) -> R {
    let address = unsafe UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
    return with(Int(truncatingIfNeeded: Self.hash(address) >> 56), body)
  }

  /// Watches in all shards. Exact if no watch is added or removed meanwhile.
  var count: Int { (0..<shardCount).reduce(0) { sum, index in sum + with(index) { $0.lockedLiveCount() } } }

  @inline(__always)
  static func hash(_ address: UInt) -> UInt64 { UInt64(address >> 4) &* 0x9E37_79B9_7F4A_7C15 }
}

/// A hash table of watches with open addressing. A removed watch leaves a gap that lookups step over. So watches move
/// only when the table is rebuilt; `version` counts how often that happened.
// SAFETY: all fields that change do so under `lock`.
@safe final class WatchShard: @unchecked Sendable {
  private let lock: SpinLock
  @exclusivity(unchecked) private var slots: UnsafeMutablePointer<Slot>
  @exclusivity(unchecked) private var capacity = 0
  @exclusivity(unchecked) private var usedCount = 0
  @exclusivity(unchecked) private var version = 0
  private let live = Atomic<Int>(0)

  // SAFETY: the slot owns a reference to its watch.
  @safe private struct Slot {
    /// Address of the watched object; 0 in a slot that was never used, 1 in a gap.
    var address: UInt = 0
    /// Nil in a slot that was never used, and in a gap.
    var watch: Unmanaged<Watch>?
  }

  init(lock: SpinLock) {
    self.lock = lock
    unsafe slots = .allocate(capacity: 0)
  }

  deinit {
    for slot in unsafe 0..<capacity { unsafe slots[slot].watch?.release() }
    unsafe slots.deallocate()
  }

  /// Watches in the table. For a caller that does not hold `lock`, the number may be out of date.
  var liveCount: Int { live.load(ordering: .relaxed) }

  func lockedLiveCount() -> Int {
    lock.lock()
    defer { lock.unlock() }
    return liveCount
  }

  var currentVersion: Int {
    lock.lock()
    defer { lock.unlock() }
    return unsafe version
  }

  // MARK: Finding

  private static func address(of object: AnyObject) -> UInt {
    unsafe UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
  }

  /// The watch of an address; nil if it has none. The caller holds `lock`.
  @inline(__always)
  private func find(_ address: UInt) -> Unmanaged<Watch>? {
    guard unsafe capacity > 0 else { return nil }
    var slot = unsafe Int(truncatingIfNeeded: WatchShards.hash(address) >> 20) & (capacity - 1)
    while true {
      let found = unsafe slots[slot].address
      if found == address { return unsafe slots[slot].watch }
      if found == 0 { return nil }
      slot = unsafe (slot + 1) & (capacity - 1)
    }
  }

  func existingWatch(for object: AnyObject) -> Watch? {
    lock.lock()
    defer { lock.unlock() }
    return unsafe find(Self.address(of: object))?.takeUnretainedValue()
  }

  func watch(for object: AnyObject, onFirst: () -> Void) -> Watch {
    let address = Self.address(of: object)
    lock.lock()
    if let known = unsafe find(address) {
      let watch = unsafe known.takeUnretainedValue()
      lock.unlock()
      return watch
    }
    let old = unsafe makeRoom()
    let fresh = Watch(object)
    unsafe insert(Unmanaged.passRetained(fresh), at: address)
    live.store(liveCount + 1, ordering: .relaxed)
    lock.unlock()
    unsafe old?.deallocate()
    onFirst()
    return fresh
  }

  // MARK: Growing, under `lock`

  private func insert(_ watch: Unmanaged<Watch>, at address: UInt) {
    var slot = unsafe Int(truncatingIfNeeded: WatchShards.hash(address) >> 20) & (capacity - 1)
    while unsafe slots[slot].address > 1 { slot = unsafe (slot + 1) & (capacity - 1) }
    if unsafe slots[slot].address == 0 { unsafe usedCount += 1 }
    unsafe slots[slot] = Slot(address: address, watch: watch)
  }

  /// Rebuilds the table if three quarters of its slots are or were used.
  /// - Returns: the old table, which the caller deallocates after it has given the lock back.
  private func makeRoom() -> UnsafeMutablePointer<Slot>? {
    guard unsafe usedCount >= capacity / 4 * 3 else { return nil }
    let old = unsafe slots
    let oldCapacity = unsafe capacity
    unsafe capacity = max(8, Self.roundedUp(liveCount * 2 + 1))
    unsafe slots = .allocate(capacity: capacity)
    unsafe slots.initialize(repeating: Slot(), count: capacity)
    unsafe usedCount = 0
    unsafe version += 1
    for index in 0..<oldCapacity {
      if let watch = unsafe old[index].watch { unsafe insert(watch, at: old[index].address) }
    }
    return unsafe old
  }

  private static func roundedUp(_ count: Int) -> Int { 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount) }

  // MARK: Sweeping

  /// Takes the watches of dead objects out of the next `limit` slots, and watches that are not needed if `tidying` is
  /// true. It reports the deaths after it has given the lock back.
  /// - Returns: the number of slots that it looked at.
  func removeDead(from position: inout ShardPosition, limit: Int, tidying: Bool) -> Int {
    var removed: Unmanaged<Watch>?
    lock.lock()
    if unsafe position.version != version {
      position.version = unsafe version
      position.slot = 0
    }
    let start = position.slot
    let end = max(start, unsafe min(start + limit, capacity))
    var removedCount = 0
    for slot in start..<end {
      let address = unsafe slots[slot].address
      guard address > 1, let watch = unsafe slots[slot].watch, Watch.isGone(address) || tidying && isUnneeded(slot)
      else { continue }
      // The chain takes over the slot's reference.
      unsafe watch._withUnsafeGuaranteedRef { unsafe $0.nextRemoved = removed }
      unsafe removed = watch
      unsafe slots[slot] = Slot(address: 1, watch: nil)
      removedCount += 1
    }
    live.store(liveCount - removedCount, ordering: .relaxed)
    // What other threads did to the objects before they died happens before the cleanups.
    atomicMemoryFence(ordering: .acquiring)
    position.slot = end
    position.isAtEnd = unsafe end >= capacity
    lock.unlock()
    while let watch = unsafe removed {
      unsafe watch._withUnsafeGuaranteedRef {
        unsafe removed = $0.nextRemoved
        $0.reportDeath()
      }
      unsafe watch.release()
    }
    return end - start
  }

  /// Whether only the table holds the watch, and no registration uses it. The caller holds `lock`, so that no other
  /// thread can get a reference to the watch.
  private func isUnneeded(_ slot: Int) -> Bool {
    guard let watch = unsafe slots[slot].watch, unsafe swift_isUniquelyReferenced_nonNull_native(watch.toOpaque())
    else { return false }
    return unsafe watch._withUnsafeGuaranteedRef { $0.isUnused }
  }
}
