// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import NativeSynchronization
import ResourceLedger
import Synchronization

// How maintenance looks into another thread's cache, at two plain stores per operation of that thread.
//
//   owner, every time               somebody else, under ThreadCaches.lock
//   1  busy = 1                     1  pointer = nil
//   2  (compiler fence)             2  barrier on every thread of the process (membarrier)
//   3  p = pointer; nil: step 6     3  busy != 0: pointer = cache, and leave the cache alone
//   4  use p's lists                4  use the lists
//   5  busy = 0 (release)           5  pointer = cache (release), or leave it nil: parked
//   6  busy = 0, slowly: take ThreadCaches.lock, pointer = cache
//
// It is the two-flag protocol of Dekker's algorithm. The barrier falls between some two instructions of the
// owner: either its step 1 came before, then busy is seen; or its step 3 comes after, then it sees nil. The
// owner's release and the other's acquire order the lists' contents, the pointer's release and the owner's load
// through it do the same on the way back. An owner that runs into a window waits for the lock, so windows are
// short: a copy of the heads, or a bounded number of links. The lists are walked outside, where they may change.
//
// Where the kernel refuses the barrier, nobody looks into another thread's cache: taking the pointer away then
// only has the owner look itself, the next time it uses its cache. A thread that sleeps keeps its blocks.

extension ThreadCaches {
  /// For tests: as a kernel that refuses.
  static let isBarrierRefused = Atomic<Bool>(false)
  static func makeWindowStatics() {
    ForkGuard.touch(isBarrierRefused)
  }
  static var isBarrierAllowed: Bool {
    cnativeruntime_has_one_sided_barrier() && !isBarrierRefused.load(ordering: .relaxed)
  }

  /// Links followed in one window.
  private static let windowLength = 1_024

  /// Gives back, of all threads' caches, the blocks that were not used since the last call, and parks those caches
  /// that are empty. Their threads may work meanwhile; one that is just using its cache is left alone.
  /// - Parameter takesAll: whether to take every block, used or not.
  /// - Returns: bytes given back.
  @discardableResult
  static func trim(takesAll: Bool = false) -> Int {
    Maintenance.settleInChild()
    var chain = EntryChain()
    lock.withLock {
      var candidate = unsafe first
      while let cache = unsafe ThreadCache(candidate) {
        // A parked one is empty, or for its own thread to look into.
        // That of a thread which this process does not have has no record to look at.
        if unsafe cache.storage.pointee.isAttached, unsafe cache.storage.pointee.generation == ForkGuard.generation {
          if isBarrierAllowed { trim(cache, takesAll: takesAll, into: &chain) } else { park(cache) }
        }
        unsafe candidate = unsafe cache.storage.pointee.next
      }
    }
    let freed = chain.byteCount
    // Not under the lock: this one takes the arena's.
    Arena.shared.depot.giveBack(&chain)
    return freed
  }

  /// Under `lock`.
  private static func trim(_ cache: ThreadCache, takesAll: Bool, into chain: inout EntryChain) {
    var unused = InlineArray<57, Int>(repeating: 0)
    if takesAll {
      unused = .init(repeating: .max)
    } else {
      var heads = InlineArray<57, UInt32>(repeating: 0)
      let isOpen = withWindow(of: cache) {
        for bin in heads.indices { heads[bin] = unsafe cache.storage.pointee.bins[bin].head }
        return unsafe cache.storage.pointee.roomByteCount == byteLimit
      }
      guard isOpen else { return }
      for bin in heads.indices where heads[bin] != 0 {
        unused[bin] = cache.countUnused(bin, from: heads[bin])
      }
    }
    for bin in unused.indices where unused[bin] > 0 {
      var rest = unused[bin]
      while rest > 0 {
        var taken = 0
        let isOpen = withWindow(of: cache) {
          while taken < min(rest, windowLength), let entry = cache.pop(bin) {
            chain.push(entry, capacity: SizeClass.byteCount(at: bin))
            taken += 1
          }
          return unsafe cache.storage.pointee.roomByteCount == byteLimit
        }
        guard isOpen, taken == min(rest, windowLength) else { break }
        rest -= taken
      }
    }
  }

  /// Runs a closure, which says whether it leaves the cache empty, while the cache's thread keeps out. Under `lock`.
  /// - Returns: false where the thread was just using its cache, and the closure was not run.
  private static func withWindow(of cache: ThreadCache, _ body: () -> Bool) -> Bool {
    // SAFETY: a thread's record is there until the thread has taken its cache off the list, under the lock.
    let record = unsafe cache.storage.pointee.record
    unsafe cnativeruntime_set_cache(record, nil)
    let isOpen = unsafe cnativeruntime_barrier_on_all_threads() && !cnativeruntime_uses_cache(record)
    if isOpen, body() { park(cache) } else { attach(cache) }
    return isOpen
  }
}

extension ThreadCache {
  /// How many blocks of a bin were not used since the last call, about.
  fileprivate func countUnused(_ bin: Int, from head: UInt32) -> Int {
    let domain = unsafe DomainNumber(rawValue: UInt16(truncatingIfNeeded: storage.pointee.domain))
    return unsafe LedgerEntry.countUnused(
      from: head, records: storage.pointee.records,
      classification: .init(domain: domain, bucket: UInt16(bin)), alignmentLog2: nil,
      atMost: ThreadCaches.byteLimit / SizeClass.byteCount(at: bin) + 1)
  }

  /// By the cache's own thread, which has entered: gives back what it did not use since the last call.
  func giveBackUnused(to depot: Depot) {
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
    depot.giveBack(&chain)
    depot.noticeUnusedPages()
  }
}
