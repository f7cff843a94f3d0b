// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// What the maintenance thread does for one arena. It searches the idle blocks every half `idleTime` and gives back
// those that it saw at the last search and that were not used since. So an unused block goes after at most `idleTime`,
// and after at least half of it.

extension Arena {
  /// Gives back idle blocks that were unused for long enough, then unused pages that waited for long enough. The caller
  /// holds ``Maintenance/workLock``.
  /// - Parameter now: nanoseconds of the monotonic clock. Tests may pass any time that is not earlier than the last
  ///   one.
  /// - Returns: when to call this again; nil if there is nothing to do until a thread calls maintenance.
  func lookAfter(at now: UInt64) -> UInt64? {
    guard !isDestroyedNow else { return nil }
    if unsafe !maintenanceState.ownsDecay {
      unsafe maintenanceState.ownsDecay = true
      setPurgesItself(false)
    }
    let isOverdue = deallocateUnused(at: now)
    let nextPurge = purge(at: now, isOverdue: isOverdue)
    return unsafe [maintenanceState.nextSearch, nextPurge].compactMap { $0 }.min()
  }

  /// Ends what ``lookAfter(at:)`` began, because the maintenance thread is off: jemalloc's own timer purges pages
  /// again, and no debt waits for the thread. The caller holds ``Maintenance/workLock``.
  func lookAfterNoMore() {
    guard let depot = depotIfMade else { return }
    // This is needed even if maintenance made no pass for this arena yet.
    _ = payWholeDebt()
    guard unsafe maintenanceState.ownsDecay else { return }
    unsafe maintenanceState = MaintenanceState()
    depot.clearDirty()
    setPurgesItself(true)
  }

  private var hasIdleBlocks: Bool { depot.hasIdleBlocks || isShared && ThreadCaches.attachedCount > 0 }

  // MARK: Idle blocks

  /// Gives back idle blocks, if their next search is due.
  /// - Returns: whether blocks were given back. Their pages need not wait any longer.
  private func deallocateUnused(at now: UInt64) -> Bool {
    let idleTime = Arena.Configuration.milliseconds(configuration.idleTime)
    guard idleTime >= 0 else {
      unsafe maintenanceState.nextSearch = nil
      return false
    }
    let interval = MonotonicClock.nanoseconds(milliseconds: idleTime) / 2
    var freed = 0
    if idleTime == 0 {
      freed = trimDepot(keeping: 0) + (isShared ? ThreadCaches.trim(takesAll: true) : 0)
      endSearches()
      // A block that a thread was just using is given back at the next search.
      unsafe maintenanceState.nextSearch = depot.needsCall ? nil : now + 1_000_000_000
    } else if let search = unsafe maintenanceState.nextSearch {
      if now >= search {
        freed = deallocateUnused() + (isShared ? ThreadCaches.trim() : 0)
        if !hasIdleBlocks { endSearches() }
        unsafe maintenanceState.nextSearch = depot.needsCall ? nil : now + interval
      }
    } else if !depot.needsCall || hasIdleBlocks {
      // Search again even if the block is in use again; otherwise every reuse would wake the thread. The next search is
      // the last one if there are no idle blocks.
      goOnSearching()
      unsafe maintenanceState.nextSearch = now + interval
    }
    if freed > 0 { _ = depot.markDirty() }
    return freed > 0
  }

  /// Makes no more searches until the next thread that pushes a block calls maintenance.
  func endSearches() {
    depot.requestCall()
    // A thread that saw `needsCall` still false may have pushed a block and not called.
    if hasIdleBlocks { goOnSearching() }
  }

  private func goOnSearching() {
    depot.requestNoCall()
    // A thread that saw `needsCall` already false may have made a debt and not called.
    _ = payWholeDebt()
  }

  /// Takes from the top of each list as many blocks as were not used since the last search. They need not be the same
  /// blocks: it makes no difference to what stays, and other threads may use the list, so only its top can be taken.
  private func deallocateUnused() -> Int {
    var freed = 0
    for sizeClass in 0..<SizeClass.count {
      for alignmentLog2 in Depot.alignments {
        let unused = countUnused(alignmentLog2: alignmentLog2, sizeClass: sizeClass)
        freed += deallocateIdle(alignmentLog2: alignmentLog2, sizeClass: sizeClass, atMost: unused)
      }
    }
    return freed
  }

  /// With more blocks than this, counting a list may take longer than a debt may wait.
  private static let longList = 1 << 20

  private func countUnused(alignmentLog2: UInt32, sizeClass: Int) -> Int {
    guard !depot.isEmpty(alignmentLog2: alignmentLog2, sizeClass: sizeClass) else { return 0 }
    let isLong = depot.idleByteCount / SizeClass.byteCount(at: sizeClass) > Self.longList
    return Maintenance.refusingDebts(if: isLong) {
      depot.countUnused(
        alignmentLog2: alignmentLog2, classification: .init(domain: domain, bucket: UInt8(sizeClass)))
    }
  }

  // MARK: Pages

  /// The kernel takes about 20 ms to take back this many bytes.
  private static let longPurge = 512 << 20

  /// Purges the arena if its unused pages have waited for long enough.
  /// - Returns: when to purge; nil if nothing is to be purged.
  private func purge(at now: UInt64, isOverdue: Bool) -> UInt64? {
    let decay = Arena.Configuration.milliseconds(configuration.dirtyDecay)
    guard decay >= 0, depot.isDirty else {
      unsafe maintenanceState.dirtySince = nil
      return nil
    }
    let due = (unsafe maintenanceState.dirtySince ?? now) + MonotonicClock.nanoseconds(milliseconds: decay)
    guard isOverdue || now >= due else {
      unsafe maintenanceState.dirtySince = unsafe maintenanceState.dirtySince ?? now
      return due
    }
    purgeNow()
    return nil
  }

  /// Gives unused pages back to the kernel, if there may be any.
  func purgeNow() {
    // Cleared before the purge, so that pages that become unused during it are noticed.
    unsafe maintenanceState.dirtySince = nil
    guard depot.isDirty else { return }
    depot.clearDirty()
    let byteCount = unpurgedByteCount.exchange(0, ordering: .relaxed)
    Maintenance.refusingDebts(if: byteCount > Self.longPurge) { purgePages() }
  }
}
