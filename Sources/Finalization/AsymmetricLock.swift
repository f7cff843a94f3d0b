public import CFinalization
import Glibc
import Synchronization

/// A lock that one thread takes often, with two plain stores and a load, and any other seldom, with a
/// system call: Dekker's algorithm over a one-sided barrier (as in liburcu and in the Linux kernel's
/// documentation of membarrier).
///
/// The owner says that it is inside and looks whether anybody wants in; a visitor says that it wants in,
/// makes all threads pass a barrier, and looks whether the owner is inside. At least one of them sees the
/// other. Neither enters twice.
@usableFromInline
struct AsymmetricLock: ~Copyable {
  @usableFromInline let isHeld = Atomic<UInt32>(0)
  @usableFromInline let isWanted = Atomic<UInt32>(0)

  @usableFromInline init() {}

  // MARK: The owner

  @inlinable
  @inline(__always)
  func lockAsOwner() {
    isHeld.store(1, ordering: .relaxed)
    cfinalization_light_barrier()
    if isWanted.load(ordering: .acquiring) != 0 { giveWay() }
  }

  @inlinable
  @inline(__always)
  func unlockAsOwner() { isHeld.store(0, ordering: .releasing) }

  @usableFromInline
  @inline(never)
  func giveWay() {
    var wait = Spin()
    repeat {
      isHeld.store(0, ordering: .releasing)
      while isWanted.load(ordering: .relaxed) != 0 { wait.turn() }
      isHeld.store(1, ordering: .relaxed)
      cfinalization_light_barrier()
    } while isWanted.load(ordering: .acquiring) != 0
  }

  // MARK: Visitors, of whom one at a time gets in

  /// Keeps the owner from entering. Then a heavy barrier, then ``waitForOwner()``.
  @inlinable
  @inline(__always)
  func want() {
    if isWanted.exchange(1, ordering: .acquiring) != 0 { waitForVisitor() }
  }

  @usableFromInline
  @inline(never)
  func waitForVisitor() {
    var wait = Spin()
    while isWanted.exchange(1, ordering: .acquiring) != 0 { wait.turn() }
  }

  func waitForOwner() {
    var wait = Spin()
    while isHeld.load(ordering: .acquiring) != 0 { wait.turn() }
  }

  @inlinable
  @inline(__always)
  func leave() { isWanted.store(0, ordering: .releasing) }
}

/// Waits for another thread that needs a few instructions more.
@usableFromInline
struct Spin {
  private var turns = 0

  @usableFromInline init() {}

  mutating func turn() {
    turns += 1
    // The other may have lost its processor: spinning on would keep it from running.
    if turns > 64 { sched_yield() }
  }
}
