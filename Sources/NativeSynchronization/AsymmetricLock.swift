public import CNativeRuntime
public import Synchronization

/// A lock that one thread, its owner, takes often, with two plain stores and a load, and other threads, its visitors,
/// seldom, with a system call. It is Dekker's algorithm over a one-sided barrier, as in liburcu and in the Linux kernel's
/// documentation of membarrier.
///
/// The owner says that it is inside and looks whether a visitor wants to come in. A visitor says that it wants to come in,
/// makes all threads pass a barrier, and looks whether the owner is inside. At least one of them sees the other.
@usableFromInline
package struct AsymmetricLock: ~Copyable {
  @usableFromInline let isHeld = Atomic<UInt32>(0)
  @usableFromInline let isWanted = Atomic<UInt32>(0)

  /// Only ``PerThread`` makes one, which `fork` knows.
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

  // MARK: Visitors, of whom one at a time gets in

  /// Keeps the owner from entering. Then a heavy barrier, then ``waitForOwner()``.
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
