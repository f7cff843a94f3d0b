// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// What a thread does if its cache has too many blocks after a release, or none for a new buffer: it moves batches of
// blocks to the shared arena's depot, or one batch from it.

extension ThreadCache {
  /// About how many bytes a batch has. It is a quarter of what a thread keeps, so for blocks of 64 KiB, a thread that
  /// only takes or only gives back still goes to the depot once for several blocks.
  private static var batchByteCount: Int { 512 << 10 }
  /// The most blocks that a batch has. Tests lower it, because with more batches more can go wrong.
  static let largestBatch = Atomic<Int>(32)

  private static func batchCount(_ capacity: Int) -> Int {
    max(1, min(largestBatch.load(ordering: .relaxed), batchByteCount / capacity))
  }

  /// Takes a batch from the depot for an empty bin: one block for the caller, the rest for the bin.
  func refill(_ bin: Int, from depot: Depot) -> LedgerEntry? {
    let capacity = SizeClass.byteCount(at: bin)
    let room = unsafe max(0, storage.pointee.roomByteCount)
    let limit = min(Self.batchCount(capacity), 1 + room / capacity)
    guard let batch = depot.popUsual(sizeClass: bin, capacity: capacity, atMost: limit) else { return nil }
    unsafe storage.pointee.bins[bin].head = batch.first.link
    unsafe storage.pointee.roomByteCount -= (batch.count - 1) * capacity
    return batch.first
  }

  /// Makes room after a push found none: pushes two batches of this bin to the depot. If that is not enough, one batch
  /// of each bin in turn follows. This bounds the work that one dispose may have to do.
  @usableFromInline
  @inline(never)
  func makeRoom(_ bin: Int) {
    Ledger.refreshClock()
    let arena = Arena.shared
    if pushBatch(bin, to: arena) { pushBatch(bin, to: arena) }
    var next = 0
    while unsafe storage.pointee.roomByteCount < 0 {
      pushBatch(next, to: arena)
      next = (next + 1) % ThreadCacheStorage.binCount
    }
  }

  /// Pushes all blocks to the depot of the shared arena.
  func empty(into arena: Arena) {
    for bin in 0..<ThreadCacheStorage.binCount { while pushBatch(bin, to: arena) {} }
  }

  /// Pushes one batch to the depot by one exchange. If the depot may not keep the whole batch, pushes block by block,
  /// so that the depot keeps those for which it has room.
  /// - Returns: false if the bin was empty.
  @discardableResult
  private func pushBatch(_ bin: Int, to arena: Arena) -> Bool {
    let capacity = SizeClass.byteCount(at: bin)
    let limit = Self.batchCount(capacity)
    guard let first = pop(bin) else { return false }
    var last = first
    var count = 1
    while count < limit, let next = top(bin), next.alignmentLog2 == first.alignmentLog2 {
      _ = pop(bin)
      last = next
      count += 1
    }
    // `pop` does not change the links between the blocks.
    let outcome = unsafe storage.pointee.depot.push(
      from: first, to: last, sizeClass: bin, byteCount: count * capacity)
    guard outcome == .refused else {
      arena.finishPush(of: first, outcome)
      return true
    }
    var entry = first
    for index in 1...count {
      let next = index < count ? unsafe LedgerEntry(link: entry.link, records: storage.pointee.records) : entry
      arena.push(entry)
      entry = next
    }
    return true
  }

  /// Takes the block on top of a bin if it happens to be aligned: repeated over-aligned requests reuse the block that
  /// was just freed.
  func pop(_ bin: Int, alignmentLog2: UInt32) -> LedgerEntry? {
    guard let entry = top(bin), entry.alignmentLog2 >= alignmentLog2 else { return nil }
    return pop(bin)
  }

  private func top(_ bin: Int) -> LedgerEntry? {
    let head = unsafe storage.pointee.bins[bin].head
    return head == 0 ? nil : unsafe LedgerEntry(link: head, records: storage.pointee.records)
  }

  /// Empties the lists, and leaves the blocks as they are.
  func forgetBlocks() {
    for bin in 0..<ThreadCacheStorage.binCount { unsafe storage.pointee.bins[bin].head = 0 }
    unsafe storage.pointee.roomByteCount = ThreadCaches.byteLimit
  }

  /// For tests. Takes the lock, because maintenance may look into the cache meanwhile.
  var _roomByteCount: Int { ThreadCaches.lock.withLock { unsafe storage.pointee.roomByteCount } }

  /// For tests: checks that each listed block is idle and of its bin's class, and that the room is counted right.
  func _checkInvariants() {
    // Maintenance looks into caches under this lock.
    ThreadCaches.lock.withLock { checkInvariantsUnderLock() }
  }

  private func checkInvariantsUnderLock() {
    var listed = 0
    for bin in 0..<ThreadCacheStorage.binCount {
      var link = unsafe storage.pointee.bins[bin].head
      while link != 0 {
        let entry = unsafe LedgerEntry(link: link, records: storage.pointee.records)
        precondition(entry.word.state == .idle, "a cached block is \(entry.word.state)")
        precondition(Int(entry.classification.bucket) == bin, "a cached block is of another class")
        let domain = unsafe storage.pointee.domain
        precondition(UInt32(entry.classification.domain.rawValue) == domain, "a cached block of another arena")
        listed += SizeClass.byteCount(at: bin)
        link = entry.link
      }
    }
    let room = unsafe storage.pointee.roomByteCount
    precondition(listed + room == ThreadCaches.byteLimit, "bytes miscounted")
  }
}
