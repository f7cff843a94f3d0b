import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

/// All watched objects of the process, by address: 256 hash tables with a lock each.
///
/// A sweep looks at every slot in pieces of at most 512 and hands the dead ones to their registries.
@usableFromInline
final class WatchTable: Sendable {
  static let shared = WatchTable()

  private static let shardCount = 256
  private static let piece = 512
  private let shards: WatchShards
  /// Held while a piece is swept and its deaths are queued: whoever gets it knows that no death found
  /// earlier is still on its way to a queue.
  private let gate = RankedLock(.sweep)
  /// Where the next thread's share of the sweeping begins: shard, and slot in it. Under `gate`.
  private let cursor = Atomic<Int>(0)
  private let timer = Atomic<Bool>(false)

  private init() { shards = WatchShards(count: Self.shardCount) }

  // MARK: Finding

  /// The anchor that stands for an object: its own, or its watch; nil for an object without one that is in its
  /// deinit.
  func anchor(for object: AnyObject) -> FinalizationAnchor? {
    if let anchor = Self.ownAnchor(of: object) { return anchor }
    return watch(object)
  }

  private static func isFinalizable(_ object: AnyObject) -> Bool {
    guard let storage = unsafe ThreadStorage.current else { return true }
    return unsafe storage.pointee.types.isFinalizable(object)
  }

  /// The anchor that an object has by itself; nil for one that is not ``Finalizable``.
  static func ownAnchor(of object: AnyObject) -> FinalizationAnchor? {
    guard isFinalizable(object), let finalizable = object as? any Finalizable else { return nil }
    return finalizable.finalizationAnchor
  }

  /// The anchor of a target that may or may not be ``Finalizable``.
  @usableFromInline
  static func anchor(of target: AnyObject) -> FinalizationAnchor? { shared.anchor(for: target) }

  /// The watch of an object; the same one as long as the object lives or the watch is held. Nil for an object that is in
  /// its deinit: its memory may be anything's afterwards, the stack's for one.
  ///
  /// Whoever adds watches takes a share in the sweeping: threads that watch many short-lived objects are faster than the
  /// one that sweeps by the timer, and the table would grow without end. So this may report deaths, and is called by
  /// threads that hold no lock.
  func watch(_ object: AnyObject) -> Watch? {
    if Watch.isDying(object) { return nil }
    var isNew = false
    let watch = shards.with(shardOf: object) { $0.watch(for: object) { isNew = true } }
    guard isNew else { return watch }
    startTimer()
    if DeliveringThread.countWatch() % Self.watchesPerShare == 0 { sweepShare() }
    return watch
  }

  private static let watchesPerShare: UInt64 = 16
  /// Slots to look at for so many new watches. A third of a table's slots or more are in use, so this finds more dead
  /// objects than came, where all die.
  private static let shareLength = 64

  /// A watch that keeps an object's address and asks for its life: the one that is listed where there has
  /// to be one, for of two each would wait for the other to go.
  func watchForCache(_ object: AnyObject) -> Watch? {
    if Self.isFinalizable(object) { return Watch.isDying(object) ? nil : Watch(object) }
    return watch(object)
  }

  /// The anchor that stands for an object, nil where nothing was ever registered for it.
  func existingAnchor(for object: AnyObject) -> FinalizationAnchor? {
    if let anchor = Self.ownAnchor(of: object) { return anchor }
    return shards.with(shardOf: object) { $0.existingWatch(for: object) }
  }

  /// Objects watched.
  var count: Int { shards.count }

  // MARK: Sweeping

  /// Looks at every watched object, in pieces; deaths are queued when it returns, those of registries that
  /// deliver inline are delivered.
  /// - Parameter tidying: whether watches that nobody needs go, too. It takes longer.
  func sweep(tidying: Bool = false) {
    var index = 0
    var position = ShardPosition()
    // At least one piece: a table that is empty may be so by a sweeper who is about to queue what it took out.
    repeat {
      gate.lock()
      DeliveringThread.holdPending()
      // Deaths are reported into queues, or this thread's pending list.
      var rest = Self.piece
      while rest > 0, index < Self.shardCount {
        if position.slot > 0 || shards.with(index, { $0.liveCount }) > 0 {
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

  /// Seconds between two sweeps by the timer, which runs while anything is watched.
  static let sweepInterval = 1

  private func startTimer() {
    // Nothing runs in the background there.
    if ForkGuard.isForkedChild { return }
    guard !timer.load(ordering: .relaxed), !timer.exchange(true, ordering: .acquiringAndReleasing) else { return }
    scheduleSweep()
  }

  private func scheduleSweep() {
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .seconds(Self.sweepInterval)) {
      self.sweep(tidying: true)
      if self.shards.count == 0 {
        self.timer.store(false, ordering: .sequentiallyConsistent)
        // One that was added just before that saw the timer running.
        if self.shards.count > 0 { self.startTimer() }
      } else {
        self.scheduleSweep()
      }
    }
  }
}
