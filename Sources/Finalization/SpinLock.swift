import Glibc
import Synchronization

/// A lock for a few instructions, two atomic operations where nobody waits. A waiter spins, then yields.
///
/// No two are ever held by one thread, except by ``ForkSafety`` and where the stripes of one registry are
/// taken in ascending order; no code of a client runs under one.
struct SpinLock: ~Copyable {
  private let word = Atomic<UInt32>(0)

  @inline(__always)
  func lock() {
    if word.exchange(1, ordering: .acquiring) != 0 { wait() }
  }

  @inline(__always)
  func unlock() { word.store(0, ordering: .releasing) }

  @inline(never)
  private func wait() {
    var turns = 0
    repeat {
      while word.load(ordering: .relaxed) != 0 {
        turns += 1
        // The holder may have lost its processor: spinning on would keep it from running.
        if turns > 64 { sched_yield() }
      }
    } while word.exchange(1, ordering: .acquiring) != 0
  }
}
