// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Synchronization

/// Lets one thread sleep until another thread wakes it, or until a given time.
///
/// ```text
/// quiet  -- wake() -->  called                          no system call
/// quiet  -- wait() -->  asleep  -- wake() -->  called   a system call on each side
/// called -- wait() -->  called                          returns at once
/// called -- reset() ->  quiet
/// ```
///
/// Waking takes no lock. Several calls of ``wake()`` before one ``reset()`` count as one.
// SAFETY: the word is never freed, and is atomic.
@safe package struct Wakeup: @unchecked Sendable {
  /// One of the three states below. It is also the word on which the thread sleeps.
  ///
  /// Synchronization: atomic.
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

  /// Forgets the calls of ``wake()`` so far. Then the thread must look for all work that the callers may have left for
  /// it: work that is left later comes with another call.
  package func reset() { unsafe word.pointee.store(Self.quiet, ordering: .sequentiallyConsistent) }

  /// Sleeps until a thread calls ``wake()``, or until the deadline. Returns at once if `wake()` was called since the
  /// last ``reset()``. Only one thread may sleep.
  /// - Parameter deadline: nanoseconds of the monotonic clock; nil for none.
  /// - Returns: true if a thread called ``wake()``, false if the deadline has passed.
  package func wait(until deadline: UInt64?) -> Bool {
    while true {
      let (exchanged, before) = unsafe word.pointee.compareExchange(
        expected: Self.quiet, desired: Self.asleep, ordering: .sequentiallyConsistent)
      if !exchanged, before == Self.called { return true }
      unsafe cnativeruntime_sleep(futex, Self.asleep, deadline ?? .max)
      if unsafe word.pointee.load(ordering: .acquiring) == Self.called { return true }
      if let deadline, MonotonicClock.now >= deadline {
        // This thread is awake now, so the word must say so. If another thread calls `wake()` before this exchange, the
        // exchange fails, and the call is not lost.
        let (isQuiet, _) = unsafe word.pointee.compareExchange(
          expected: Self.asleep, desired: Self.quiet, ordering: .sequentiallyConsistent)
        return !isQuiet
      }
    }
  }
}
