import JemallocArenas
import ResourceLedger
import Synchronization

// Blocks between a thread's cache and the shared arena's depot.

extension ThreadCache {
  /// Bytes that a batch is about, and blocks it has at most.
  private static let batchByteCount = 64 << 10
  /// Tests lower it: more batches, more that can go wrong.
  static let largestBatch = Atomic<Int>(32)

  private static func batchCount(_ capacity: Int) -> Int {
    max(1, min(largestBatch.load(ordering: .relaxed), batchByteCount / capacity))
  }

  /// Takes a batch from the depot: one block for the caller, the others for its cache.
  func refill(_ bin: Int, from depot: Depot) -> LedgerEntry? {
    let capacity = SizeClass.byteCount(at: bin)
    guard let entry = depot.popSmall(bin) else { return nil }
    for _ in 1..<max(2, Self.batchCount(capacity)) {
      guard unsafe storage.pointee.roomByteCount >= capacity, let next = depot.popSmall(bin) else { break }
      _ = push(next, bin: bin)
    }
    return entry
  }

  /// Makes room after a push found none: half of this bin goes to the depot, then, where that is not
  /// enough, half of every bin.
  func spill(_ bin: Int, to depot: Depot) {
    giveBack(bin, keeping: unsafe Int(storage.pointee.bins[bin].count) / 2, to: depot)
    guard unsafe storage.pointee.roomByteCount < 0 else { return }
    for bin in 0..<ThreadCacheStorage.binCount {
      giveBack(bin, keeping: unsafe Int(storage.pointee.bins[bin].count) / 2, to: depot)
    }
  }

  /// Empties the cache into the depot.
  func flush(to depot: Depot) {
    for bin in 0..<ThreadCacheStorage.binCount { giveBack(bin, keeping: 0, to: depot) }
  }

  private func giveBack(_ bin: Int, keeping kept: Int, to depot: Depot) {
    let capacity = SizeClass.byteCount(at: bin)
    while unsafe Int(storage.pointee.bins[bin].count) > kept, let entry = pop(bin) {
      depot.keep(entry, capacity: capacity)
    }
  }

  /// For tests: each bin's list is as long as it says, of its class, and idle.
  func _checkInvariants() {
    var listed = 0
    for bin in 0..<ThreadCacheStorage.binCount {
      var link = unsafe storage.pointee.bins[bin].head
      var count = 0
      while link != 0 {
        let entry = unsafe LedgerEntry(record: storage.pointee.records + (Int(link) - 1))
        precondition(entry.word.state == .idle, "a cached block is \(entry.word.state)")
        precondition(Int(entry.classification.bucket) == bin, "a cached block is of another class")
        let domain = unsafe storage.pointee.domain
        precondition(UInt32(entry.classification.domain.rawValue) == domain, "a cached block of another arena")
        count += 1
        link = entry.link
      }
      let counted = unsafe Int(storage.pointee.bins[bin].count)
      precondition(count == counted, "a bin's list is not as long as it says")
      listed += count * SizeClass.byteCount(at: bin)
    }
    let room = unsafe storage.pointee.roomByteCount
    precondition(listed + room == ThreadCaches.byteLimit, "bytes miscounted")
  }
}
