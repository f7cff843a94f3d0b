// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
public import Synchronization

/// A lock that one thread, its owner, takes often, and that other threads, its visitors, take seldom. It costs the
/// owner two plain stores and a load, and a visitor a system call.
///
/// This is the two-flag protocol of `Barrier.h`: `isHeld` is the owner's flag, `isWanted` the visitor's. To give way,
/// the owner sets `isHeld` to 0, waits until `isWanted` is 0, and begins again. A visitor changes `isWanted` from 0 to
/// 1 by an exchange, so only one visitor is inside at a time, and then waits until `isHeld` is 0. The model is
/// `Tests/Models/asymmetric-lock.pml`.
///
/// The threads' block caches do not use this lock: there, the pointer to the cache is the visitor's flag, so the owner
/// pays no load for it, and if the kernel refuses the barrier, no visitor goes in, so the owner pays no fence.
@usableFromInline
package struct AsymmetricLock: ~Copyable {
  /// 1 while the owner is inside.
  ///
  /// Synchronization: atomic. Only the owner writes it.
  @usableFromInline let isHeld = Atomic<UInt32>(0)
  /// 1 while a visitor is inside or waits for the owner.
  ///
  /// Synchronization: atomic. Only the visitor that changed it from 0 to 1 sets it to 0.
  @usableFromInline let isWanted = Atomic<UInt32>(0)

  /// Only ``PerThread`` makes these locks: it puts them on the list of locks that `fork` takes.
  init() {}

  // MARK: The owner

  @inlinable
  @inline(__always)
  package func lockAsOwner() {
    isHeld.store(1, ordering: .relaxed)
    cnativeruntime_light_barrier()
    if isWanted.load(ordering: .acquiring) != 0 { giveWay() }
  }

  @inlinable
  @inline(__always)
  package func unlockAsOwner() { isHeld.store(0, ordering: .releasing) }

  @usableFromInline
  @inline(never)
  func giveWay() {
    var backOff = BackOff()
    repeat {
      isHeld.store(0, ordering: .releasing)
      while isWanted.load(ordering: .relaxed) != 0 { backOff.spin() }
      isHeld.store(1, ordering: .relaxed)
      cnativeruntime_light_barrier()
    } while isWanted.load(ordering: .acquiring) != 0
  }

  // MARK: Visitors (one at a time gets in)

  /// Keeps the owner and other visitors from coming in. The visitor must then pass a heavy barrier and call
  /// ``waitForOwner()``. Slot 0 of ``PerThread`` has no owner, so `want()` is enough there.
  @inlinable
  @inline(__always)
  package func want() {
    if isWanted.exchange(1, ordering: .acquiring) != 0 { waitForVisitor() }
  }

  @usableFromInline
  @inline(never)
  func waitForVisitor() {
    var backOff = BackOff()
    while isWanted.exchange(1, ordering: .acquiring) != 0 { backOff.spin() }
  }

  func waitForOwner() {
    var backOff = BackOff()
    while isHeld.load(ordering: .acquiring) != 0 { backOff.spin() }
  }

  @inlinable
  @inline(__always)
  package func leave() { isWanted.store(0, ordering: .releasing) }
}
