// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import NativeSynchronization
import ResourceLedger
import Synchronization

// How maintenance looks into another thread's cache: by the two-flag protocol of Barrier.h. The owner is the cache's
// thread, which pays two plain stores for each use; the visitor is maintenance.
//
//      owner, every time               visitor, under ThreadCaches.lock
//      1  uses_cache = 1               1  cache = nil
//      2  (compiler fence)             2  heavy barrier
//      3  c = cache; nil: step 6       3  uses_cache is 1: set cache again, and leave the lists alone
//      4  use c's lists                4  use the lists
//      5  uses_cache = 0 (release)     5  set cache again (release), or leave it nil: parked
//      6  take ThreadCaches.lock, set cache again, go to step 4
//
// This is no AsymmetricLock: the pointer to the cache is the visitor's flag, so the owner pays no load for it, and if
// the kernel refuses the barrier, no visitor goes in, so the owner pays no fence.
//
// The lists' contents are ordered by the owner's release and the other thread's acquire, and on the way back by the
// release of the pointer and the owner's load of it. An owner that finds nil waits for the lock, so the lists must be
// quiescent for a short time only: for a copy of the heads, or for a bounded number of links. Longer walks along the
// lists happen at other times, while the lists may change.
//
// If the kernel refuses the barrier, no thread looks into another thread's cache. Maintenance only takes the pointer
// away, so that the owner itself looks the next time it uses its cache. A thread that sleeps then keeps its blocks.

extension ThreadCaches {
  /// For tests: acts as if the kernel refused the barrier.
  static let isBarrierRefused = Atomic<Bool>(false)
  static func makeQuiescingStatics() {
    ForkGuard.touch(isBarrierRefused)
  }
  static var isBarrierAllowed: Bool {
    cnativeruntime_has_one_sided_barrier() && !isBarrierRefused.load(ordering: .relaxed)
  }

  /// The most links that are followed while the lists are quiescent.
  private static let quiescedLinkLimit = 1_024

  /// Gives back the blocks of all threads' caches that were not used since the last call, and parks the caches that are
  /// empty. The threads may work meanwhile. A cache that its thread is just using is left alone.
  /// - Parameter takesAll: whether to take every block, used or not.
  /// - Returns: bytes given back.
  @discardableResult
  static func trim(takesAll: Bool = false) -> Int {
    Maintenance.settleInChild()
    var chain = EntryChain()
    lock.withLock {
      var candidate = unsafe first
      while let cache = unsafe ThreadCache(candidate) {
        // A parked cache is empty, or only its own thread may look into it. A cache whose thread this process does not
        // have has no record to look at.
        if unsafe cache.storage.pointee.isAttached, unsafe cache.storage.pointee.generation == ForkGuard.generation {
          if isBarrierAllowed { trim(cache, takesAll: takesAll, into: &chain) } else { park(cache) }
        }
        unsafe candidate = unsafe cache.storage.pointee.next
      }
    }
    let freed = chain.byteCount
    // Not under `lock`, because this takes the arena's lock, which comes first.
    Arena.shared.deallocate(&chain)
    return freed
  }

  /// The caller holds `lock`.
  private static func trim(_ cache: ThreadCache, takesAll: Bool, into chain: inout EntryChain) {
    var unused = InlineArray<57, Int>(repeating: 0)
    if takesAll {
      unused = .init(repeating: .max)
    } else {
      var heads = InlineArray<57, UInt32>(repeating: 0)
      let hasRun = quiesce(cache) {
        for bin in heads.indices { heads[bin] = unsafe cache.storage.pointee.bins[bin].head }
        return unsafe cache.storage.pointee.roomByteCount == byteLimit
      }
      guard hasRun else { return }
      for bin in heads.indices where heads[bin] != 0 {
        unused[bin] = cache.countUnused(bin, from: heads[bin])
      }
    }
    for bin in unused.indices where unused[bin] > 0 {
      var rest = unused[bin]
      while rest > 0 {
        var taken = 0
        let hasRun = quiesce(cache) {
          while taken < min(rest, quiescedLinkLimit), let entry = cache.pop(bin) {
            chain.push(entry, capacity: SizeClass.byteCount(at: bin))
            taken += 1
          }
          return unsafe cache.storage.pointee.roomByteCount == byteLimit
        }
        guard hasRun, taken == min(rest, quiescedLinkLimit) else { break }
        rest -= taken
      }
    }
  }

  /// Keeps the cache's thread out of its cache while a closure runs. The closure returns whether it leaves the cache
  /// empty. The caller holds `lock`.
  /// - Returns: false if the thread was just using its cache or the kernel refused the barrier. The closure did not run
  ///   then.
  private static func quiesce(_ cache: ThreadCache, _ body: () -> Bool) -> Bool {
    // SAFETY: a thread's record exists until the thread has taken its cache off the list, which needs the lock.
    let record = unsafe cache.storage.pointee.record
    unsafe cnativeruntime_set_cache(record, nil)
    let isOwnerOutside = unsafe cnativeruntime_heavy_barrier() && !cnativeruntime_uses_cache(record)
    if isOwnerOutside, body() { park(cache) } else { attach(cache) }
    return isOwnerOutside
  }
}

extension ThreadCache {
  /// Approximately how many blocks of a bin were not used since the last call.
  fileprivate func countUnused(_ bin: Int, from head: UInt32) -> Int {
    let domain = unsafe DomainNumber(rawValue: UInt16(truncatingIfNeeded: storage.pointee.domain))
    return unsafe LedgerEntry.countUnused(
      from: head, records: storage.pointee.records,
      classification: .init(domain: domain, bucket: UInt8(bin)), alignmentLog2: nil,
      atMost: ThreadCaches.byteLimit / SizeClass.byteCount(at: bin) + 1)
  }

  /// Called on the cache's own thread, which has begun to use it: gives back the blocks that it did not use since the
  /// last call.
  func deallocateUnused() {
    var chain = EntryChain()
    for bin in 0..<ThreadCacheStorage.binCount {
      let head = unsafe storage.pointee.bins[bin].head
      guard head != 0 else { continue }
      for _ in 0..<countUnused(bin, from: head) {
        guard let entry = pop(bin) else { break }
        chain.push(entry, capacity: SizeClass.byteCount(at: bin))
      }
    }
    guard !chain.isEmpty else { return }
    Arena.shared.deallocate(&chain)
    Arena.shared.noticeUnusedPages()
  }
}
