import ResourceLedger
import Synchronization

/// Numbers that no two running threads have at the same time, from 1 to 63; a thread that finds none free
/// shares 0 with others.
enum ThreadSlots {
  static let count = 64
  /// A bit per slot in use; the lowest, for the shared one, always.
  private static let used = Atomic<UInt64>(1)
  static func makeStatics() {
    ForkGuard.touch(used)
    ForkGuard.onChild { keepOnly(ThreadStorage.slotIfMade) }
  }

  static func take() -> Int {
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

  static func giveBack(_ slot: Int) {
    if slot != 0 { used.bitwiseAnd(~(1 << UInt64(slot)), ordering: .releasing) }
  }

  /// In a forked child, which has one thread: the others' slots are free.
  private static func keepOnly(_ slot: Int) { used.store(1 | 1 << UInt64(slot), ordering: .relaxed) }
}
