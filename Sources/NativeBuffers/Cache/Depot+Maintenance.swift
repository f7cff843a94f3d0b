// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// What the maintenance thread does for one arena. It searches the idle blocks every half `idleTime` and gives back
// those that it saw at the last search and that were not used since. So an unused block goes after at most `idleTime`,
// and after at least half of it.

extension Depot {
  /// Gives back idle blocks that were unused for long enough, then unused pages that waited for long enough. The caller
  /// holds ``ArenaDirectory/maintenanceLock``.
  /// - Parameter now: nanoseconds of the monotonic clock. Tests may pass any time that is not earlier than the last
  ///   one.
  /// - Returns: when to call this again; nil if there is nothing to do until a thread calls maintenance.
  func lookAfter(at now: UInt64) -> UInt64? {
    guard !arena.isDestroyedNow else { return nil }
    if !maintenanceState.ownsDecay {
      maintenanceState.ownsDecay = true
      arena.setPurgesItself(false)
    }
    let isOverdue = deallocateUnused(at: now)
    return [maintenanceState.nextSearch, purge(at: now, isOverdue: isOverdue)].compactMap { $0 }.min()
  }

  /// Ends what ``lookAfter(at:)`` began, because the maintenance thread is off: jemalloc's own timer purges pages
  /// again, and no block waits for the thread. The caller holds ``ArenaDirectory/maintenanceLock``.
  func lookAfterNoMore() {
    // This is needed even if maintenance made no pass for this depot yet.
    _ = deallocateSurplus()
    guard maintenanceState.ownsDecay else { return }
    maintenanceState = MaintenanceState()
    bins.clearDirty()
    arena.setPurgesItself(true)
  }

  /// Says that there are unused pages of which maintenance may not know, so that it purges them in time.
  func noticeUnusedPages() { if bins.markDirty() { Maintenance.call() } }

  private var hasIdleBlocks: Bool {
    bins.hasIdleBlocks || arena.isShared && ThreadCaches.attachedCount > 0
  }

  // MARK: Idle blocks

  /// Gives back idle blocks, if their next search is due.
  /// - Returns: whether blocks were given back. Their pages need not wait any longer.
  private func deallocateUnused(at now: UInt64) -> Bool {
    let idleTime = Arena.Configuration.milliseconds(arena.configuration.idleTime)
    guard idleTime >= 0 else {
      maintenanceState.nextSearch = nil
      return false
    }
    let interval = MonotonicClock.nanoseconds(milliseconds: idleTime) / 2
    var freed = 0
    if idleTime == 0 {
      freed = trim(keeping: 0) + (arena.isShared ? ThreadCaches.trim(takesAll: true) : 0)
      stopWatching()
      // A block that a thread was just using is given back at the next search.
      maintenanceState.nextSearch = bins.isWatched ? now + 1_000_000_000 : nil
    } else if let search = maintenanceState.nextSearch {
      if now >= search {
        freed = deallocateUnused() + (arena.isShared ? ThreadCaches.trim() : 0)
        if !hasIdleBlocks { stopWatching() }
        maintenanceState.nextSearch = bins.isWatched ? now + interval : nil
      }
    } else if bins.isWatched || hasIdleBlocks {
      // Keep watching even if the block is in use again; otherwise every reuse would wake the thread. The next search
      // stops watching if there are no idle blocks.
      bins.setWatched(true)
      maintenanceState.nextSearch = now + interval
    }
    if freed > 0 { _ = bins.markDirty() }
    return freed > 0
  }

  /// Stops watching: the next thread that leaves a block calls maintenance.
  func stopWatching() {
    bins.setWatched(false)
    // A thread that saw `isWatched` still true may have left a block and not called.
    if hasIdleBlocks { bins.setWatched(true) }
  }

  /// Takes from the top of each list as many blocks as were not used since the last search. They need not be the same
  /// blocks: it makes no difference to what stays, and other threads may use the list, so only its top can be taken.
  private func deallocateUnused() -> Int {
    var freed = 0
    for sizeClass in 0..<SizeClass.count {
      for alignmentLog2 in DepotBins.alignments {
        let unused = countUnused(alignmentLog2: alignmentLog2, sizeClass: sizeClass)
        freed += deallocate(alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: unused)
      }
    }
    return freed
  }

  /// With more blocks than this, counting a list may take longer than a surplus block may wait for the maintenance
  /// thread.
  private static let longList = 1 << 20

  private func countUnused(alignmentLog2: UInt32, sizeClass: Int) -> Int {
    guard !bins.isEmpty(alignmentLog2: alignmentLog2, sizeClass: sizeClass) else { return 0 }
    let isLong = bins.idleByteCount / SizeClass.byteCount(at: sizeClass) > Self.longList
    return Maintenance.withoutListening(if: isLong) {
      bins.countUnused(
        alignmentLog2: alignmentLog2, classification: .init(domain: arena.domain, bucket: UInt16(sizeClass)))
    }
  }

  // MARK: Pages

  /// The kernel takes about 20 ms to take back this many bytes.
  private static let longPurge = 512 << 20

  /// Purges the arena if its unused pages have waited for long enough.
  /// - Returns: when to purge; nil if nothing is to be purged.
  private func purge(at now: UInt64, isOverdue: Bool) -> UInt64? {
    let decay = Arena.Configuration.milliseconds(arena.configuration.dirtyDecay)
    guard decay >= 0, bins.isDirty else {
      maintenanceState.dirtySince = nil
      return nil
    }
    let due = (maintenanceState.dirtySince ?? now) + MonotonicClock.nanoseconds(milliseconds: decay)
    guard isOverdue || now >= due else {
      maintenanceState.dirtySince = maintenanceState.dirtySince ?? now
      return due
    }
    purgeNow()
    return nil
  }

  /// Gives unused pages back to the kernel, if there may be any.
  func purgeNow() {
    // Cleared before the purge, so that pages that become unused during it are noticed.
    maintenanceState.dirtySince = nil
    guard bins.isDirty else { return }
    bins.clearDirty()
    let byteCount = unpurgedByteCount.exchange(0, ordering: .relaxed)
    Maintenance.withoutListening(if: byteCount > Self.longPurge) { arena.purgePages() }
  }
}
