import JemallocArenas
import ResourceLedger
import Synchronization

// Blocks between a thread's cache and the shared arena's depot.

extension ThreadCache {
  /// Bytes that a batch is about, and blocks it has at most: a quarter of what a thread keeps, so that a thread that
  /// only takes and one that only gives back go to the depot once for several blocks of 64 KiB.
  private static let batchByteCount = 512 << 10
  /// Tests lower it: more batches, more that can go wrong.
  static let largestBatch = Atomic<Int>(32)

  private static func batchCount(_ capacity: Int) -> Int {
    max(1, min(largestBatch.load(ordering: .relaxed), batchByteCount / capacity))
  }

  /// Takes a batch from the depot for a bin that is empty: one block for the caller, the others for the bin.
  func refill(_ bin: Int, from shelves: DepotShelves) -> LedgerEntry? {
    let capacity = SizeClass.byteCount(at: bin)
    let room = unsafe max(0, storage.pointee.roomByteCount)
    let limit = min(Self.batchCount(capacity), 1 + room / capacity)
    guard let batch = shelves.popUsual(sizeClass: bin, capacity: capacity, atMost: limit) else { return nil }
    unsafe storage.pointee.bins[bin].head = batch.first.link
    unsafe storage.pointee.bins[bin].count = UInt32(batch.count - 1)
    unsafe storage.pointee.roomByteCount -= (batch.count - 1) * capacity
    return batch.first
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

  /// In batches, each by one exchange; where the depot has no room for one, block by block, so that each goes where it
  /// may.
  private func giveBack(_ bin: Int, keeping kept: Int, to depot: Depot) {
    let capacity = SizeClass.byteCount(at: bin)
    while true {
      let surplus = unsafe Int(storage.pointee.bins[bin].count) - kept
      guard surplus > 0, let first = pop(bin) else { return }
      var last = first
      var count = 1
      while count < min(surplus, Self.batchCount(capacity)), let next = top(bin),
        next.alignmentLog2 == first.alignmentLog2
      {
        _ = pop(bin)
        last = next
        count += 1
      }
      // Popping left the links between them as they were.
      if depot.shelves.push(from: first, to: last, byteCount: count * capacity) { continue }
      var entry = first
      for index in 1...count {
        let next = index < count ? unsafe LedgerEntry(record: storage.pointee.records + (Int(entry.link) - 1)) : entry
        depot.keep(entry, capacity: capacity)
        entry = next
      }
    }
  }

  private func top(_ bin: Int) -> LedgerEntry? {
    let head = unsafe storage.pointee.bins[bin].head
    return head == 0 ? nil : unsafe LedgerEntry(record: storage.pointee.records + (Int(head) - 1))
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
