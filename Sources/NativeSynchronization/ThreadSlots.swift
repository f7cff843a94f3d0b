import Synchronization

/// Numbers from 1 to 63 that no two running threads have at the same time. A thread that finds none free shares 0 with
/// others.
package enum ThreadSlots {
  package static let count = 64
  /// A bit per slot in use; the lowest, for the shared one, always.
  private static let used = Atomic<UInt64>(1)
  package static func makeStatics() { ForkGuard.touch(used) }

  package static func take() -> Int {
    var bits = used.load(ordering: .relaxed)
    while bits != .max {
      let slot = (~bits).trailingZeroBitCount
      // Acquire: what the slot's last thread left behind is this one's now.
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

  /// In a forked child, which has one thread: the others' slots are free.
  package static func keepOnly(_ slot: Int) { used.store(1 | 1 << UInt64(slot), ordering: .relaxed) }
}
