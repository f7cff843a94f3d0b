// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

// What this module does in a forked child, beside keeping its locks usable (``ForkGuard``): in `fork` itself, as little
// as possible, because a child that only starts another program needs nothing; and the rest on the child's first slow
// path.
//
// The lists of idle blocks are not trusted: their links are in the copy of the ledger, which is a moment older than
// their heads (Ledger+Child.swift). So the child forgets them, and puts every block that the ledger calls idle into its
// arena's depot. That includes blocks that the parent's other threads kept for themselves, or were just moving. There
// is no maintenance thread, and none starts before the child turns it on.

extension Maintenance {
  /// Called before `main`.
  static func prepareForFork() {
    ForkGuard.onChild {
      beginInChild()
      ThreadCaches.parkOwn()
    }
  }

  /// Takes over, in a forked child, what the parent's threads kept for themselves and what they left to maintenance.
  /// Happens once; other threads of the child wait until it is done. Cost: one load if it is done already, or if this
  /// is no forked child. Takes locks from ``LockRank/arenaMaintenance`` on.
  @inline(__always)
  static func settleInChild() {
    if isForkedAndUnsettled { settle() }
  }

  @inline(never)
  private static func settle() {
    workLock.withLock {
      guard isForkedAndUnsettled else { return }
      let arenas = ArenaDirectory.all.filter { $0.depotIfMade != nil }
      // Without a depot, the parent had no buffers, and there may be no ledger.
      if !arenas.isEmpty {
        Ledger.shared.settleInChild()
        ThreadCaches.forgetBlocks()
        for arena in arenas { arena.depot.forgetBlocks() }
        adoptIdleBlocks()
        for arena in arenas { arena.lookAfterNoMore() }
      }
      turnOffInChild()
    }
  }

  private static func adoptIdleBlocks() {
    let ledger = Ledger.shared
    for index in 0..<ledger.entryCount {
      let entry = ledger.entry(at: index)
      guard entry.word.state == .idle, let arena = ArenaDirectory.arena(of: entry) else { continue }
      if arena.depot.push(entry) == .refused { arena.deallocate(entry) }
    }
  }
}

extension ThreadCaches {
  /// Called on the forking thread, before the child goes on. Its cache stays its own, and ``attachExisting()`` attaches
  /// it again.
  static func parkOwn() {
    guard let cache = unsafe ThreadCache(pthread_getspecific(key)) else { return }
    unsafe cache.storage.pointee.generation = ForkGuard.generation
    park(cache)
  }

  /// Empties the forking thread's cache, and drops the caches of threads that the child does not have. Leaves all
  /// blocks as they are.
  static func forgetBlocks() {
    lock.withLock {
      var next = unsafe first
      while let cache = unsafe ThreadCache(next) {
        unsafe next = cache.storage.pointee.next
        if unsafe cache.storage.pointee.generation == ForkGuard.generation {
          cache.forgetBlocks()
        } else {
          unlink(cache)
          // The cache's record is left alone: its thread does not exist here, so another thread may use that memory by
          // now.
          if unsafe cache.storage.pointee.isAttached { unsafe attached -= 1 }
          unsafe cache.storage.deinitialize(count: 1)
          unsafe cache.storage.deallocate()
        }
      }
    }
  }
}

extension Depot {
  /// Makes all room unreserved, after all blocks were taken off their lists. No other thread may use the depot
  /// meanwhile.
  func forgetRoom() {
    let counters = unsafe counters
    MappingRoom.withdraw(
      unsafe counters.pointee.idleByteLimit - counters.pointee.unreservedRoom.load(ordering: .relaxed))
    for stripe in 0..<stripeCount { unsafe room(stripe).pointee.store(0, ordering: .relaxed) }
    unsafe counters.pointee.unreservedRoom.store(counters.pointee.idleByteLimit, ordering: .relaxed)
  }
}
