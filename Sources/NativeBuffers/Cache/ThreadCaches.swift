// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// All threads' caches of the shared arena: made at a thread's first slow path, gone with the thread.
///
/// A thread reaches its cache by a thread-local pointer. Where maintenance finds a cache empty it *parks* it: it
/// takes the pointer away, so that the thread, when it next has something to do with its cache, comes by
/// ``enterSlowly()`` and calls maintenance again. Nobody has to look after a parked cache.
enum ThreadCaches {
  /// Bytes of idle blocks that a thread keeps.
  static let byteLimit = 2 << 20

  static let lock = RankedLock(.threadCaches)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) static var first: UnsafeMutablePointer<ThreadCacheStorage>?
  /// Caches that are not parked. Where the kernel refuses the barrier: those to whose threads nothing was said
  /// since the last pass.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var attached = 0
  static var attachedCount: Int { lock.withLock { unsafe attached } }

  static func makeStatics() {
    ForkGuard.touch(lock)
    ForkGuard.touch(key)
    makeWindowStatics()
  }

  /// Its destructor runs at a thread's end, with the thread's cache.
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let result = unsafe pthread_key_create(&key) { pointer in unsafe ThreadCaches.retire(pointer) }
    precondition(result == 0, "pthread_key_create failed with \(result)")
    return key
  }()

  /// Runs a closure with the calling thread's cache, made now where there is none; nil where that fails.
  /// The closure must not enter the cache again.
  static func withCurrent<R>(_ body: (ThreadCache) -> R) -> R? {
    defer { cnativeruntime_end_cache_use() }
    guard let cache = unsafe ThreadCache(cnativeruntime_begin_cache_use()) ?? enterSlowly() else { return nil }
    return body(cache)
  }

  /// The same where the thread has had a cache already.
  static func withExisting<R>(_ body: (ThreadCache) -> R) -> R? {
    defer { cnativeruntime_end_cache_use() }
    guard let cache = unsafe ThreadCache(cnativeruntime_begin_cache_use()) ?? attachExisting() else { return nil }
    return body(cache)
  }

  /// The calling thread's cache, to read what never changes in it; made now where it has none.
  static func current() -> ThreadCache? {
    if let cache = unsafe ThreadCache(cnativeruntime_cache()) { return cache }
    return withCurrent { $0 }
  }

  /// Gives the calling thread, which has entered, its parked cache or a new one.
  private static func enterSlowly() -> ThreadCache? { attachExisting() ?? make() }

  private static func attachExisting() -> ThreadCache? {
    Maintenance.settleInChild()
    guard let cache = unsafe ThreadCache(pthread_getspecific(key)) else { return nil }
    lock.withLock { attach(cache) }
    // Nobody could look into it from outside, so it is for its own thread to do what was due.
    if !isBarrierAllowed { cache.giveBackUnused(to: Arena.shared.depot) }
    Arena.shared.depot.shelves.callMaintenance()
    return cache
  }

  private static func make() -> ThreadCache? {
    if Quarantine.isOn { return nil }
    let storage = UnsafeMutablePointer<ThreadCacheStorage>.allocate(capacity: 1)
    let depot = Arena.shared.depot
    unsafe storage.initialize(
      to: ThreadCacheStorage(domain: Arena.shared.domain, roomByteCount: byteLimit, shelves: depot.shelves))
    guard unsafe pthread_setspecific(key, storage) == 0, let cache = unsafe ThreadCache(storage) else {
      unsafe storage.deinitialize(count: 1)
      unsafe storage.deallocate()
      return nil
    }
    lock.withLock {
      unsafe storage.pointee.next = first
      unsafe first?.pointee.previous = unsafe storage
      unsafe first = unsafe storage
      attach(cache)
    }
    depot.shelves.callMaintenance()
    return cache
  }

  /// Under `lock`.
  static func attach(_ cache: ThreadCache) {
    if unsafe !cache.storage.pointee.isAttached {
      unsafe cache.storage.pointee.isAttached = true
      unsafe attached += 1
    }
    unsafe cnativeruntime_set_cache(cache.storage.pointee.record, cache.storage)
  }

  /// Takes the pointer to a cache away from its thread. Under `lock`.
  static func park(_ cache: ThreadCache) {
    if unsafe cache.storage.pointee.isAttached {
      unsafe cache.storage.pointee.isAttached = false
      unsafe attached -= 1
    }
    unsafe cnativeruntime_set_cache(cache.storage.pointee.record, nil)
  }

  /// At a thread's end: its blocks go to the depot. A buffer disposed even later makes the thread a new
  /// cache, whose end is announced again.
  private static func retire(_ pointer: UnsafeMutableRawPointer?) {
    guard let cache = unsafe ThreadCache(pointer) else { return }
    lock.withLock {
      park(cache)
      unlink(cache)
    }
    cache.flush(to: Arena.shared.depot)
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

  // MARK: In a forked child

  /// The forking thread, before the child goes on: its cache stays its own, and it will come by ``attachExisting()``.
  static func parkOwn() {
    guard let cache = unsafe ThreadCache(pthread_getspecific(key)) else { return }
    unsafe cache.storage.pointee.generation = ForkGuard.generation
    park(cache)
  }

  /// The caches of threads that the child does not have go to the depot. A block that such a thread was just moving may be
  /// on no list; it stays idle in the child's books.
  static func adoptOrphans() {
    // No thread ever had a cache.
    guard lock.withLock({ unsafe first != nil }) else { return }
    let depot = Arena.shared.depot
    while true {
      let orphan: ThreadCache? = lock.withLock {
        var candidate = unsafe first
        while let storage = unsafe candidate, unsafe storage.pointee.generation == ForkGuard.generation {
          unsafe candidate = unsafe storage.pointee.next
        }
        guard let cache = unsafe ThreadCache(candidate) else { return nil }
        unlink(cache)
        // Not the record of its thread, which may be the memory of another one by now.
        if unsafe cache.storage.pointee.isAttached { unsafe attached -= 1 }
        return cache
      }
      guard let orphan else { break }
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
