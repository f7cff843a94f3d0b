// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// What the maintenance thread does for one arena. A block leaves after at most `idleTime`, and after at least
// half of it: idle blocks are looked through every half, and those go that were there, unused, the last time.

extension Depot {
  /// Gives idle blocks back whose time has come, then unused pages whose time has come. By a caller that holds
  /// ArenaDirectory.upkeep.
  /// - Parameter now: nanoseconds of the monotonic clock; tests pass what they like, not less than before.
  /// - Returns: when to come again; nil where nothing is left to do until somebody calls.
  func lookAfter(at now: UInt64) -> UInt64? {
    guard !arena.isDestroyedNow else { return nil }
    if !upkeep.ownsDecay {
      upkeep.ownsDecay = true
      arena.setPurgesItself(false)
    }
    let isOverdue = giveBackUnused(at: now)
    return [upkeep.nextSearch, purge(at: now, isOverdue: isOverdue)].compactMap { $0 }.min()
  }

  /// The reverse: jemalloc's timer takes over, and nothing waits for a thread that is not there.
  func lookAfterNoMore() {
    // Also of a depot that had no pass yet.
    _ = giveBackSurplus()
    guard upkeep.ownsDecay else { return }
    upkeep = Upkeep()
    shelves.clearDirty()
    arena.setPurgesItself(true)
  }

  /// Unused pages are there that maintenance may not know of: see to it that they are purged in time.
  func noticeUnusedPages() { if shelves.markDirty() { Maintenance.call() } }

  private var hasIdleBlocks: Bool {
    shelves.hasIdleBlocks || arena.isShared && ThreadCaches.attachedCount > 0
  }

  // MARK: Idle blocks

  /// - Returns: whether blocks were given back, whose pages waited long enough.
  private func giveBackUnused(at now: UInt64) -> Bool {
    let idleTime = arena.configuration.idleTime
    guard idleTime >= 0 else {
      upkeep.nextSearch = nil
      return false
    }
    let interval = MonotonicClock.nanoseconds(milliseconds: idleTime) / 2
    var freed = 0
    if idleTime == 0 {
      freed = trim(keeping: 0) + (arena.isShared ? ThreadCaches.trim(takesAll: true) : 0)
      stopWatching()
      // What a thread was just using comes with the next look.
      upkeep.nextSearch = shelves.isWatched ? now + 1_000_000_000 : nil
    } else if let search = upkeep.nextSearch {
      if now >= search {
        freed = giveBackUnused() + (arena.isShared ? ThreadCaches.trim() : 0)
        if !hasIdleBlocks { stopWatching() }
        upkeep.nextSearch = shelves.isWatched ? now + interval : nil
      }
    } else if shelves.isWatched || hasIdleBlocks {
      // Also where the block that somebody called for is in use again: whoever uses one block over and over
      // would call after every look. The next search finds out.
      shelves.setWatched(true)
      upkeep.nextSearch = now + interval
    }
    if freed > 0 { _ = shelves.markDirty() }
    return freed > 0
  }

  /// Leaves it to the next one who leaves a block to call.
  private func stopWatching() {
    shelves.setWatched(false)
    // Somebody may have left one in between who took this thread to be watching.
    if hasIdleBlocks { shelves.setWatched(true) }
  }

  /// Of each bin, as many blocks as were not used since the last time, off its top: which blocks go makes no
  /// difference to what stays, and only the top can be taken while others use the bin.
  private func giveBackUnused() -> Int {
    var freed = 0
    for sizeClass in 0..<SizeClass.count {
      for alignmentLog2 in DepotShelves.alignments {
        let unused = countUnused(alignmentLog2: alignmentLog2, sizeClass: sizeClass)
        freed += giveBack(alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: unused)
      }
    }
    return freed
  }

  /// A list of so many blocks may take longer to walk than anything may wait for this thread.
  private static let longList = 1 << 20

  private func countUnused(alignmentLog2: UInt32, sizeClass: Int) -> Int {
    guard !shelves.isEmpty(alignmentLog2: alignmentLog2, sizeClass: sizeClass) else { return 0 }
    let isLong = shelves.idleByteCount / SizeClass.byteCount(at: sizeClass) > Self.longList
    return Maintenance.withoutListening(if: isLong) {
      shelves.countUnused(
        alignmentLog2: alignmentLog2, classification: .init(domain: arena.domain, bucket: UInt16(sizeClass)))
    }
  }

  // MARK: Pages

  /// So many bytes take the kernel about 20 ms.
  private static let longPurge = 512 << 20

  /// - Returns: when to purge; nil where nothing is to be purged.
  private func purge(at now: UInt64, isOverdue: Bool) -> UInt64? {
    let decay = arena.configuration.dirtyDecay
    guard decay >= 0, shelves.isDirty else {
      upkeep.dirtySince = nil
      return nil
    }
    let due = (upkeep.dirtySince ?? now) + MonotonicClock.nanoseconds(milliseconds: decay)
    guard isOverdue || now >= due else {
      upkeep.dirtySince = upkeep.dirtySince ?? now
      return due
    }
    purgeNow()
    return nil
  }

  /// Gives unused pages back, if there may be any.
  func purgeNow() {
    // Before the purge: what becomes unused during it is news.
    upkeep.dirtySince = nil
    guard shelves.isDirty else { return }
    shelves.clearDirty()
    let byteCount = unpurgedByteCount.exchange(0, ordering: .relaxed)
    Maintenance.withoutListening(if: byteCount > Self.longPurge) { arena.purgePages() }
  }
}
