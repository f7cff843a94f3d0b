// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Synchronization

/// Lets one thread sleep until another thread wakes it, or until a given time.
///
/// Waking takes no lock, and makes a system call only if the thread is asleep. Several calls count as one if the thread
/// has not looked in between.
// SAFETY: the word is never freed, and is atomic.
@safe package struct Wakeup: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  private static let quiet: UInt32 = 0
  private static let called: UInt32 = 1
  private static let asleep: UInt32 = 2

  package init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: Atomic(Self.quiet))
  }

  // SAFETY: an `Atomic<UInt32>` is laid out as a `UInt32`.
  private var futex: UnsafeMutablePointer<UInt32> {
    unsafe UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt32.self)
  }

  /// Wakes the thread, or keeps it from falling asleep.
  package func wake() {
    if unsafe word.pointee.load(ordering: .sequentiallyConsistent) == Self.called { return }
    let before = unsafe word.pointee.exchange(Self.called, ordering: .sequentiallyConsistent)
    if before == Self.asleep { unsafe cnativeruntime_wake(futex) }
  }

  /// Forgets the calls so far. Afterwards, the thread must look at everything that the callers may have left for it.
  package func reset() { unsafe word.pointee.store(Self.quiet, ordering: .sequentiallyConsistent) }

  /// Sleeps until a thread calls ``wake()``, or until the deadline. Only one thread may sleep.
  /// - Parameter deadline: nanoseconds of the monotonic clock; nil for none.
  /// - Returns: whether a thread called ``wake()``.
  package func wait(until deadline: UInt64?) -> Bool {
    while true {
      let (exchanged, before) = unsafe word.pointee.compareExchange(
        expected: Self.quiet, desired: Self.asleep, ordering: .sequentiallyConsistent)
      if !exchanged, before == Self.called { return true }
      unsafe cnativeruntime_sleep(futex, Self.asleep, deadline ?? .max)
      if unsafe word.pointee.load(ordering: .acquiring) == Self.called { return true }
      if let deadline, MonotonicClock.now >= deadline {
        // The thread is awake now. A call that comes before this exchange is not lost: the exchange fails then.
        let (isQuiet, _) = unsafe word.pointee.compareExchange(
          expected: Self.asleep, desired: Self.quiet, ordering: .sequentiallyConsistent)
        return !isQuiet
      }
    }
  }
}
