// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

/// All watched objects of the process, by address: 256 hash tables with a lock each.
///
/// A sweep looks at every slot, in pieces of at most 512, and reports the dead objects to their registries.
@usableFromInline
final class WatchTable: Sendable {
  static let shared = WatchTable()

  private static let shardCount = 256
  private static let piece = 512
  private let shards: WatchShards
  /// Held while a piece is swept and its deaths are queued: a thread that takes it knows that every death found before
  /// is in its queue.
  private let gate = RankedLock(.sweep)
  /// Where the next share of the sweeping begins: the shard in the low 8 bits, the slot in it above them. Guarded by
  /// `gate`.
  private let cursor = Atomic<Int>(0)
  /// Whether a sweep by the timer is scheduled.
  private let timer = Atomic<Bool>(false)

  private init() { shards = WatchShards(count: Self.shardCount) }

  // MARK: Finding

  /// The anchor that stands for an object: its own, or its watch; nil for an object without an anchor of its own that
  /// is in its deinit.
  @usableFromInline
  static func anchor(of object: AnyObject) -> FinalizationAnchor? {
    if let anchor = ownAnchor(of: object) { return anchor }
    return shared.watch(object)
  }

  private static func isFinalizable(_ object: AnyObject) -> Bool {
    guard let storage = unsafe ThreadStorage.current else { return true }
    return unsafe storage.pointee.types.isFinalizable(object)
  }

  /// The anchor that an object stores; nil for an object that is not ``Finalizable``.
  static func ownAnchor(of object: AnyObject) -> FinalizationAnchor? {
    guard isFinalizable(object), let finalizable = object as? any Finalizable else { return nil }
    return finalizable.finalizationAnchor
  }

  /// The watch of an object; the same one as long as the object lives or the watch is held. Nil for an object that is
  /// in its deinit: its memory may get another use afterwards, for example if it is on the stack.
  ///
  /// A thread that adds watches also does a share of the sweeping. Without that, threads that watch many short-lived
  /// objects would be faster than the sweeps by the timer, and the table would grow without end. So this method may
  /// report deaths, and its caller holds no lock.
  func watch(_ object: AnyObject) -> Watch? {
    if Watch.isDying(object) { return nil }
    var isNew = false
    let watch = shards.with(shardOf: object) { $0.watch(for: object) { isNew = true } }
    guard isNew else { return watch }
    startTimer()
    OverdueDeliveries.retry()
    if Self.countWatch() % Self.watchesPerShare == 0 { sweepShare() }
    return watch
  }

  /// Counts a watch that this thread added.
  /// - Returns: how many watches this thread added, this one included.
  private static func countWatch() -> UInt64 {
    let thread = unsafe cnativeruntime_current_thread()
    unsafe thread.pointee.watches &+= 1
    return unsafe thread.pointee.watches
  }

  /// A thread sweeps a share for every so many watches that it adds.
  private static let watchesPerShare: UInt64 = 16
  /// Slots that a share looks at: four for each new watch. At least a quarter of a shard's slots are in use after it
  /// was rebuilt, so that sweeping keeps up with the new watches if all objects die.
  private static let shareLength = 64

  /// A watch that keeps an object's address and can tell whether the object is alive. For an object that is not
  /// ``Finalizable`` it is the watch in the table: with a second watch, which holds one more unowned reference, the
  /// sweep would not find the death.
  func watchForCache(_ object: AnyObject) -> Watch? {
    if Self.isFinalizable(object) { return Watch.isDying(object) ? nil : Watch(object) }
    return watch(object)
  }

  /// The anchor that stands for an object; nil if the object is not ``Finalizable`` and not watched.
  static func existingAnchor(of object: AnyObject) -> FinalizationAnchor? {
    if let anchor = ownAnchor(of: object) { return anchor }
    return shared.shards.with(shardOf: object) { $0.existingWatch(for: object) }
  }

  /// The number of watched objects.
  var count: Int { shards.count }

  // MARK: Sweeping

  /// Looks at every watched object, in pieces. When it returns, the deaths that it found are queued, or delivered if
  /// their registries deliver inline.
  /// - Parameter tidying: whether it also removes watches that are not needed, which takes longer.
  func sweep(tidying: Bool = false) {
    Ledger.refreshClock()
    var index = 0
    var position = ShardPosition()
    var isAnyWatched = false
    // At least one piece, even if the table is empty: another sweep may have emptied it, and not queued the deaths yet.
    repeat {
      gate.lock()
      DeliveringThread.holdPending()
      // Deaths go into queues, or into this thread's pending list.
      var rest = Self.piece
      while rest > 0, index < Self.shardCount {
        if position.slot > 0 || shards.with(index, { $0.liveCount }) > 0 {
          isAnyWatched = true
          rest -= shards.with(index) { $0.removeDead(from: &position, limit: rest, tidying: tidying) }
        } else {
          position.isAtEnd = true
        }
        rest -= 1
        if position.isAtEnd {
          index += 1
          position = ShardPosition()
        }
      }
      gate.unlock()
      DeliveringThread.releasePending()
    } while index < Self.shardCount
    if isAnyWatched { startTimer() }
    OverdueDeliveries.retry()
  }

  private func sweepShare() {
    guard gate.tryLock() else { return }
    DeliveringThread.holdPending()
    var position = ShardPosition()
    let packed = cursor.load(ordering: .relaxed)
    position.slot = packed >> 8
    let index = packed & (Self.shardCount - 1)
    position.version = shards.with(index) { $0.currentVersion }
    _ = shards.with(index) { $0.removeDead(from: &position, limit: Self.shareLength, tidying: false) }
    let next = position.isAtEnd ? (index + 1) & (Self.shardCount - 1) : position.slot << 8 | index
    cursor.store(next, ordering: .relaxed)
    gate.unlock()
    DeliveringThread.releasePending()
  }

  // MARK: The timer

  /// Seconds between two sweeps by the timer, which runs while any object is watched, if there was room to start it.
  static let sweepInterval = 1

  /// Starts the timer if it does not run and there is room for its thread. Otherwise it is tried again when the next
  /// object is watched, and at the next sweep by a drain or a flush.
  private func startTimer() {
    // Nothing runs in the background in a forked child.
    if ForkGuard.isForkedChild { return }
    guard !timer.load(ordering: .relaxed), ThreadRoom.isAvailable else { return }
    guard !timer.exchange(true, ordering: .acquiringAndReleasing) else { return }
    scheduleSweep()
  }

  private func scheduleSweep() {
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .seconds(Self.sweepInterval)) {
      self.sweep(tidying: true)
      if self.shards.count == 0 {
        self.timer.store(false, ordering: .sequentiallyConsistent)
        // A watch that was added just before the store did not start the timer, which still ran.
        if self.shards.count > 0 { self.startTimer() }
      } else {
        self.scheduleSweep()
      }
    }
  }
}
