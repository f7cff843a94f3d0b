// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// An object that can release memory that it keeps only to be faster.
protocol MemoryRelieving: AnyObject, Sendable {
  /// - Parameter limit: bytes that it may still keep.
  /// - Returns: bytes that it no longer keeps.
  @discardableResult
  func evict(keeping limit: Int) -> Int
}

/// Releases memory of this module when memory is short. The code that notices the shortage calls ``relieve()``.
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

  /// Called by the object's deinit, while no other object can have its identity.
  static func remove(_ relieving: any MemoryRelieving) {
    let identity = ObjectIdentifier(relieving)
    lock.withLock { unsafe slots.removeAll { $0.identity == identity } }
  }

  /// A copy, which is read without the lock, because reading a weak reference may release a cache.
  private static var current: [Slot] { lock.withLock { unsafe slots } }

  /// Makes every cache's strong values weak, and sweeps for objects that died.
  /// - Returns: bytes that caches no longer keep; they are free once nothing else holds them.
  @discardableResult
  package static func relieve() -> Int {
    let freed = Int.clampedSum(current.map { $0.relieving?.evict(keeping: 0) ?? 0 })
    WatchTable.shared.sweep(tidying: true)
    return freed
  }
}
