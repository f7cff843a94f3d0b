// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Gives each thread a small number, its slot, which is the index of the thread's part in tables such as ``PerThread``.
/// Two threads that run at the same time never have the same number of 1 to 63. A thread that finds all of these in
/// use gets 0, which it shares with other threads. A slot is used again after its thread has ended.
package enum ThreadSlots {
  package static let count = 64
  /// One bit for each slot that is in use. The lowest bit, which stands for the shared slot, is always set.
  ///
  /// Synchronization: atomic. Taking a slot acquires what its last thread released.
  private static let used = Atomic<UInt64>(1)
  package static func makeStatics() { ForkGuard.touch(used) }

  package static func take() -> Int {
    var bits = used.load(ordering: .relaxed)
    while bits != .max {
      let slot = (~bits).trailingZeroBitCount
      // Acquire: this thread sees all that the slot's last thread wrote, and uses it further.
      let (exchanged, original) = used.weakCompareExchange(
        expected: bits, desired: bits | 1 << UInt64(slot), successOrdering: .acquiring, failureOrdering: .relaxed)
      if exchanged { return slot }
      bits = original
    }
    return 0
  }

  package static func release(_ slot: Int) {
    if slot != 0 { used.bitwiseAnd(~(1 << UInt64(slot)), ordering: .releasing) }
  }

  /// For a forked child, which has one thread: frees the slots of all other threads.
  package static func keepOnly(_ slot: Int) { used.store(1 | 1 << UInt64(slot), ordering: .relaxed) }
}
