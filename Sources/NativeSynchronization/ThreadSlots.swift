// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Gives threads numbers: no two running threads have the same one of 1 to 63 at the same time. A thread that finds
/// none of these free shares 0 with other threads.
package enum ThreadSlots {
  package static let count = 64
  /// One bit for each slot that is in use. The lowest bit, which stands for the shared slot, is always set.
  private static let used = Atomic<UInt64>(1)
  package static func makeStatics() { ForkGuard.touch(used) }

  package static func take() -> Int {
    var bits = used.load(ordering: .relaxed)
    while bits != .max {
      let slot = (~bits).trailingZeroBitCount
      // Acquire: this thread takes over what the slot's last thread left in it.
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
