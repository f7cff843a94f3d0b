import CThreadState
import Glibc
import JemallocArenas
import ResourceLedger
import Synchronization

// Blocks between a thread's cache and the shared arena's depot.

extension ThreadCache {
  /// Bytes that a batch is about, and blocks it has at most.
  private static let batchByteCount = 64 << 10
  private static let largestBatch = 32

  private static func batchCount(_ capacity: Int) -> Int { max(1, min(largestBatch, batchByteCount / capacity)) }

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

/// All threads' caches of the shared arena: made at a thread's first slow path, gone with the thread.
enum ThreadCaches {
  /// Bytes of idle blocks that a thread keeps.
  static let byteLimit = 2 << 20

  private static let lock = ForkGuard.innerLock()
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var first: UnsafeMutablePointer<ThreadCacheStorage>?
  /// Its destructor runs at a thread's end, with the thread's cache.
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let result = unsafe pthread_key_create(&key) { pointer in unsafe ThreadCaches.retire(pointer) }
    precondition(result == 0, "pthread_key_create failed with \(result)")
    ForkGuard.onChild { ThreadCaches.adoptOrphans() }
    return key
  }()

  /// The calling thread's cache, made now where it has none.
  static func current() -> ThreadCache? {
    if let cache = unsafe ThreadCache(cthreadstate_cache()) { return cache }
    let storage = UnsafeMutablePointer<ThreadCacheStorage>.allocate(capacity: 1)
    unsafe storage.initialize(
      to:
        ThreadCacheStorage(
          domain: Arena.shared.domain, roomByteCount: byteLimit, shelves: Depot.of(Arena.shared).shelves))
    guard unsafe pthread_setspecific(key, storage) == 0 else {
      unsafe storage.deinitialize(count: 1)
      unsafe storage.deallocate()
      return nil
    }
    lock.withLock {
      unsafe storage.pointee.next = first
      unsafe first?.pointee.previous = unsafe storage
      unsafe first = unsafe storage
    }
    unsafe cthreadstate_set_cache(storage)
    return unsafe ThreadCache(storage)
  }

  /// At a thread's end: its blocks go to the depot. A buffer disposed even later makes the thread a new
  /// cache, whose end is announced again.
  private static func retire(_ pointer: UnsafeMutableRawPointer?) {
    guard let cache = unsafe ThreadCache(pointer) else { return }
    cthreadstate_set_cache(nil)
    cache.flush(to: Depot.of(Arena.shared))
    lock.withLock { unlink(cache) }
    unsafe cache.storage.deinitialize(count: 1)
    unsafe cache.storage.deallocate()
  }

  /// Under `lock`.
  private static func unlink(_ cache: ThreadCache) {
    let next = unsafe cache.storage.pointee.next
    let previous = unsafe cache.storage.pointee.previous
    unsafe next?.pointee.previous = unsafe previous
    if let previous = unsafe previous { unsafe previous.pointee.next = unsafe next } else { unsafe first = unsafe next }
  }

  /// In a forked child: the caches of threads that it does not have go to the depot. A block that such a
  /// thread was just moving may be on no list; it stays idle in the child's books.
  private static func adoptOrphans() {
    let depot = Depot.of(Arena.shared)
    let own = unsafe UnsafeMutableRawPointer(cthreadstate_cache())
    while true {
      let orphan: ThreadCache? = lock.withLock {
        var candidate = unsafe first
        while let storage = unsafe candidate, unsafe UnsafeMutableRawPointer(storage) == own {
          unsafe candidate = unsafe storage.pointee.next
        }
        guard let cache = unsafe ThreadCache(candidate) else { return nil }
        unlink(cache)
        return cache
      }
      guard let orphan else { return }
      // Its counts may be those of the middle of a step; its lists are whole.
      for bin in 0..<ThreadCacheStorage.binCount {
        while let entry = orphan.pop(bin) {
          depot.keep(entry, capacity: SizeClass.byteCount(at: bin))
        }
      }
      unsafe orphan.storage.deinitialize(count: 1)
      unsafe orphan.storage.deallocate()
    }
  }
}
