// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import Synchronization

// When lives began, to a second or two, at the cost of a load and a store. A new life gets the number that is in a
// global variable (`cnativeruntime_second`). The slow paths refresh this variable, because they can afford to read a
// clock.

extension Ledger {
  /// Refreshes the clock of the process's ledger, if there is one and its second has passed.
  /// Cost: 5 ns; some 100 ns once a second.
  package static func refreshClock() {
    sharedIfMade?.refreshClock()
  }

  /// The same for any ledger.
  package func refreshClock() {
    let second = second(at: KernelClock.nanoseconds(of: CLOCK_MONOTONIC_COARSE))
    if second == (unsafe atomic32(at: LedgerLayout.secondOffset).pointee.load(ordering: .relaxed)) { return }
    guard clockLock.tryLock() else { return }
    defer { clockLock.unlock() }
    // Another thread may have written a later second meanwhile.
    if second > (unsafe atomic32(at: LedgerLayout.secondOffset).pointee.load(ordering: .relaxed)) {
      writeClock(second: second)
    }
  }

  /// The second of the clock, as the header has it. It may be older than the last refresh would make it.
  package var second: UInt32 {
    unsafe atomic32(at: LedgerLayout.secondOffset).pointee.load(ordering: .relaxed)
  }

  /// The number of a second: the first one is 1.
  private func second(at monotonic: UInt64) -> UInt32 {
    // The coarse clock is behind the exact one by some milliseconds.
    let passed = monotonic > secondsBegin ? monotonic - secondsBegin : 0
    return UInt32(clamping: passed / 1_000_000_000 + 1)
  }

  /// When the next second begins, in nanoseconds of the monotonic clock; a few milliseconds later, because the clock
  /// that ``refreshClock()`` reads is behind by that much.
  package func nextSecond(after now: UInt64) -> UInt64 {
    let passed = now > secondsBegin ? now - secondsBegin : 0
    return secondsBegin + (passed / 1_000_000_000 + 1) * 1_000_000_000 + 5_000_000
  }

  /// Writes the clock of a new ledger.
  func beginClock() { writeClock(second: 1) }

  /// Changes the header first and then the variable, so that no life begins later than the header's second. The caller
  /// holds `clockLock`, or is the only one that knows the ledger.
  private func writeClock(second: UInt32) {
    let now = MonotonicClock.now
    let sequence = unsafe atomic32(at: LedgerLayout.clockSequenceOffset)
    let last = unsafe atomic64(at: LedgerLayout.monotonicAtRefreshOffset)
    let longest = unsafe atomic32(at: LedgerLayout.longestGapOffset)
    let before = unsafe sequence.pointee.load(ordering: .relaxed)
    unsafe sequence.pointee.store(before | 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    let refreshed = unsafe last.pointee.load(ordering: .relaxed)
    if refreshed != 0, now > refreshed {
      let gap = UInt32(clamping: (now - refreshed + 999_999_999) / 1_000_000_000)
      if gap > (unsafe longest.pointee.load(ordering: .relaxed)) {
        unsafe longest.pointee.store(gap, ordering: .relaxed)
      }
    }
    unsafe last.pointee.store(now, ordering: .relaxed)
    unsafe atomic64(at: LedgerLayout.realTimeAtRefreshOffset).pointee
      .store(KernelClock.nanoseconds(of: CLOCK_REALTIME), ordering: .relaxed)
    unsafe atomic32(at: LedgerLayout.secondOffset).pointee.store(second, ordering: .relaxed)
    unsafe sequence.pointee.store((before | 1) &+ 1, ordering: .releasing)
    if isOfProcess { cnativeruntime_set_second(second) }
  }

  /// Called in a forked child, which has no maintenance thread.
  static func clearMaintained(of region: UnsafeMutableRawPointer) {
    // SAFETY: as in `atomic32(at:)`.
    let flags = unsafe (region + LedgerLayout.clockFlagsOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
    unsafe flags.pointee.store(0, ordering: .relaxed)
  }

  /// Says in the header whether the maintenance thread runs, and so refreshes the clock every second.
  package func setMaintained(_ isMaintained: Bool) {
    unsafe atomic32(at: LedgerLayout.clockFlagsOffset).pointee.store(isMaintained ? 1 : 0, ordering: .relaxed)
  }
}
