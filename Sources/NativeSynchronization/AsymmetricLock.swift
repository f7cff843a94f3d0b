// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
public import Synchronization

/// A lock with an owner, one thread that takes it often, and visitors, other threads that take it seldom. The owner
/// pays two plain stores and a load, a visitor a system call. It is Dekker's algorithm over a one-sided barrier, as in
/// liburcu and in the Linux kernel's documentation of membarrier.
///
/// The owner says that it is inside, and then looks whether a visitor wants to come in. A visitor says that it wants to
/// come in, makes all threads pass a barrier, and then looks whether the owner is inside. At least one of them sees
/// what the other said.
@usableFromInline
package struct AsymmetricLock: ~Copyable {
  /// 1 while the owner is inside. Only the owner writes it.
  @usableFromInline let isHeld = Atomic<UInt32>(0)
  /// 1 while a visitor is inside or waits for the owner. Only the visitor that changed it from 0 to 1 sets it to 0.
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

  /// Keeps the owner and other visitors from entering. The visitor must then pass a heavy barrier and call
  /// ``waitForOwner()``.
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
