// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// What the maintenance thread does once a second while the process has a block, for a handle or for reuse.

extension Maintenance {
  /// Whether the thread wakes once a second. A thread that allocates a block calls it otherwise.
  static let countsSeconds = Atomic(false)

  /// Has the thread wake once a second, because the process has a block now. Cost: a load if the thread does so.
  static func callForSeconds() { if !countsSeconds.load(ordering: .relaxed) { call() } }

  /// The thread's work of each second.
  struct Seconds {
    /// When the next second's work is due; nil while the process has no block.
    private(set) var next: UInt64?

    /// Does a second's work if the process has a block, and otherwise stops until a block is allocated.
    mutating func look(at now: UInt64) {
      guard (try? Ledger.makeShared()) != nil else { return }
      let hasBlocks = Self.decide()
      if hasBlocks != (next != nil) { Ledger.shared.setMaintained(hasBlocks) }
      let isDue = hasBlocks && now >= next ?? 0
      if isDue { Maintenance.workOfSecond(at: now) }
      if !hasBlocks { next = nil } else if isDue { next = Ledger.shared.nextSecond(after: now) }
    }

    /// Decides whether the thread goes on to wake once a second.
    private static func decide() -> Bool {
      if hasBlocks {
        countsSeconds.store(true, ordering: .relaxed)
        return true
      }
      // First says that the thread stops, and then looks again. A thread that allocates first counts its block, under
      // its arena's lock, and then reads this. So one of the two sees what the other one did.
      countsSeconds.store(false, ordering: .relaxed)
      let hasBlocks = hasBlocks
      if hasBlocks { countsSeconds.store(true, ordering: .relaxed) }
      return hasBlocks
    }

    private static var hasBlocks: Bool {
      for arena in ArenaDirectory.all where arena.hasBlocks { return true }
      return false
    }

    /// Called before the thread ends.
    mutating func end() {
      if next != nil { Ledger.shared.setMaintained(false) }
      next = nil
      countsSeconds.store(false, ordering: .relaxed)
    }
  }

  /// A second's work: the clock, and a sample of the history.
  static func workOfSecond(at now: UInt64) {
    Ledger.refreshClock()
    for arena in ArenaDirectory.all {
      unsafe Ledger.shared.domainField64(LedgerLayout.DomainField.rescuedCount, of: arena.domain).pointee
        .store(UInt64(arena.rescueCount), ordering: .relaxed)
    }
    history.value?.addSample(at: now, second: Ledger.shared.second, residentSet: ProcessMemory.residentByteCount)
  }

  /// The history of the process's ledger; nil if there is no room for one. Made with the shared arena, so that it is
  /// there when memory is short.
  static let history = ForkSafeLazy { (try? Ledger.makeShared()).flatMap { LedgerHistory(.shared) } }

  /// Records in the ledger what was live when an allocation failed. The caller holds no lock.
  static func recordFailure(ofByteCount byteCount: Int) {
    guard history.isMade else { return }
    Ledger.refreshClock()
    history.value?.recordFailure(ofByteCount: byteCount, second: Ledger.shared.second)
  }
}
