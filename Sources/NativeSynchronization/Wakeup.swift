// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Synchronization

/// Lets one thread sleep until another thread wakes it, until a given time, or until another process changes a word.
///
/// ```text
/// quiet  -- wake() -->  called                          no system call
/// quiet  -- wait() -->  asleep  -- wake() -->  called   a system call on each side
/// called -- wait() -->  called                          returns at once
/// called -- reset() ->  quiet
/// ```
///
/// Waking takes no lock. Several calls of ``wake()`` before one ``reset()`` count as one. What other processes write
/// cannot keep a call of `wake()` from waking the thread, because they do not have this word.
// SAFETY: the word is never freed, and is atomic.
@safe package struct Wakeup: @unchecked Sendable {
  /// One of the three states below. It is also the word on which the thread sleeps.
  ///
  /// Synchronization: atomic.
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  private static let quiet: UInt32 = 0
  private static let called: UInt32 = 1
  private static let asleep: UInt32 = 2

  /// Why a sleep ended.
  package enum Reason: Sendable {
    /// A thread called ``Wakeup/wake()``.
    case called
    /// The deadline has passed.
    case deadline
    /// The foreign word has another value, or another process woke those who sleep on it. The caller decides when to
    /// look at the word again: a process that does this all the time must not keep the thread busy.
    case foreignWord
  }

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

  /// Sleeps until a thread calls ``wake()``, until the deadline, or until a foreign word changes. Returns at once if
  /// `wake()` was called since the last ``reset()``. Only one thread may sleep.
  /// - Parameters:
  ///   - deadline: nanoseconds of the monotonic clock; nil for none.
  ///   - foreign: a word that other processes may change at any time, and the value that it had; nil for none.
  package func wait(until deadline: UInt64?, watching foreign: (word: ForeignWord, value: UInt32)? = nil) -> Reason {
    while true {
      let (exchanged, before) = unsafe word.pointee.compareExchange(
        expected: Self.quiet, desired: Self.asleep, ordering: .sequentiallyConsistent)
      if !exchanged, before == Self.called { return .called }
      if let foreign {
        unsafe cnativeruntime_sleep_on_both(
          futex, Self.asleep, foreign.word.pointer, foreign.value, deadline ?? .max)
      } else {
        unsafe cnativeruntime_sleep(futex, Self.asleep, deadline ?? .max)
      }
      if unsafe word.pointee.load(ordering: .acquiring) == Self.called { return .called }
      let isLate = if let deadline { MonotonicClock.now >= deadline } else { false }
      if isLate || foreign != nil {
        // This thread is awake now, so the word must say so. If another thread calls `wake()` before this exchange, the
        // exchange fails, and the call is not lost.
        let (isQuiet, _) = unsafe word.pointee.compareExchange(
          expected: Self.asleep, desired: Self.quiet, ordering: .sequentiallyConsistent)
        return !isQuiet ? .called : isLate ? .deadline : .foreignWord
      }
    }
  }
}

/// A word in memory that other processes may write at any time. Nothing may depend on its value, except for whether it
/// is another one than before.
// SAFETY: the memory is never unmapped while a thread uses the word, and is read by atomic loads only.
@safe package struct ForeignWord: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<UInt32>

  package init(_ pointer: UnsafeMutablePointer<UInt32>) { unsafe self.pointer = pointer }

  package var value: UInt32 {
    // SAFETY: an `Atomic<UInt32>` is laid out as a `UInt32`.
    unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
      .load(ordering: .sequentiallyConsistent)
  }
}
