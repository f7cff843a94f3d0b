import NativeSynchronization
import ResourceLedger

/// Something that can let go of memory it only keeps to be faster.
protocol MemoryRelieving: AnyObject, Sendable {
  /// - Returns: bytes let go of.
  @discardableResult
  func evict(keeping limit: Int) -> Int
}

/// What this module does when memory is short. Whoever watches memory calls ``relieve()``.
package enum MemoryRelief {
  private struct Slot: Sendable {
    let identity: ObjectIdentifier
    weak let relieving: (any MemoryRelieving)?
  }

  private static let lock = RankedLock(.memoryRelief)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var slots: [Slot] = []

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(slots)
  }

  static func add(_ relieving: any MemoryRelieving) {
    lock.withLock { unsafe slots.append(Slot(identity: ObjectIdentifier(relieving), relieving: relieving)) }
  }

  /// Called by a deinit; its identity is nobody else's yet.
  static func remove(_ relieving: any MemoryRelieving) {
    let identity = ObjectIdentifier(relieving)
    lock.withLock { unsafe slots.removeAll { $0.identity == identity } }
  }

  /// A copy, looked at without the lock: reading a weak reference may release a cache.
  private static var current: [Slot] { lock.withLock { unsafe slots } }

  /// Makes every cache's strong values weak, and looks for objects that died.
  /// - Returns: bytes that caches let go of; they are free once nobody else holds them.
  @discardableResult
  package static func relieve() -> Int {
    let freed = Int.clampedSum(current.map { $0.relieving?.evict(keeping: 0) ?? 0 })
    WatchTable.shared.sweep(tidying: true)
    return freed
  }
}
