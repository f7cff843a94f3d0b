// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger

// What this module does in a forked child, beside keeping its locks usable (``ForkGuard``): in `fork` itself, as little
// as possible, because a child that only starts another program needs nothing; and the rest on the child's first slow
// path.
//
// Blocks that the parent's other threads kept for themselves go to the depot. There is no maintenance thread, and none
// starts before the child turns it on.

extension Maintenance {
  /// Called before `main`.
  static func prepareForFork() {
    ForkGuard.onChild {
      beginInChild()
      ThreadCaches.parkOwn()
    }
  }

  /// Takes over, in a forked child, what the parent's threads kept for themselves and what they left to maintenance.
  /// Happens once. Cost: one load if it is done already, or if this is no forked child. Takes locks from
  /// ``LockRank/arenaMaintenance`` on.
  static func settleInChild() {
    guard turnOffInChild() else { return }
    ThreadCaches.adoptOrphans()
    ArenaDirectory.forEachUsed { $0.lookAfterNoMore() }
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

  /// Moves the blocks of threads that the child does not have to the depot. A block that such a thread was just moving
  /// may be on no list; it stays idle in the child's books.
  static func adoptOrphans() {
    // If there is no cache, this returns before it would make the shared arena.
    guard lock.withLock({ unsafe first != nil }) else { return }
    let arena = Arena.shared
    while true {
      let orphan: ThreadCache? = lock.withLock {
        var candidate = unsafe first
        while let storage = unsafe candidate, unsafe storage.pointee.generation == ForkGuard.generation {
          unsafe candidate = unsafe storage.pointee.next
        }
        guard let cache = unsafe ThreadCache(candidate) else { return nil }
        unlink(cache)
        // The cache's record is left alone: its thread does not exist here, so another thread may use that memory by
        // now.
        if unsafe cache.storage.pointee.isAttached { unsafe attached -= 1 }
        return cache
      }
      guard let orphan else { break }
      // The thread may have been in the middle of a step, so the counts may be wrong. The lists are whole.
      for bin in 0..<ThreadCacheStorage.binCount {
        while let entry = orphan.pop(bin) {
          arena.push(entry)
        }
      }
      unsafe orphan.storage.deinitialize(count: 1)
      unsafe orphan.storage.deallocate()
    }
  }
}
