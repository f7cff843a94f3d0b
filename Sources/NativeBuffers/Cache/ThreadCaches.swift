// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// All threads' caches of the shared arena. A thread's cache is made on the thread's first slow path, and freed when
/// the thread ends.
///
/// A thread reaches its cache by a thread-local pointer. If maintenance finds a cache empty, it *parks* it: it takes
/// the pointer away. The thread's next use of its cache then goes through ``attachOrMake()``, which calls maintenance
/// again. Until then, a parked cache needs no maintenance.
enum ThreadCaches {
  /// Bytes of idle blocks that a thread keeps at most.
  static let byteLimit = 2 << 20

  static let lock = RankedLock(.threadCaches)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) static var first: UnsafeMutablePointer<ThreadCacheStorage>?
  /// The number of caches that are not parked. If the kernel refuses the barrier, each pass parks all caches, so this
  /// counts those that were attached since the last pass.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) static var attached = 0
  static var attachedCount: Int { lock.withLock { unsafe attached } }

  static func makeStatics() {
    ForkGuard.touch(lock)
    ForkGuard.touch(key)
    makeQuiescingStatics()
  }

  /// The key's destructor gets the thread's cache when the thread ends.
  static let key = unsafe ThreadEnd.makeKey { unsafe ThreadCaches.endThread($0) }

  /// Runs a closure with the calling thread's cache, which is made now if there is none; nil if that fails. The closure
  /// must not call this function or ``withExisting(_:)``.
  static func withCurrent<R>(_ body: (ThreadCache) -> R) -> R? {
    defer { cnativeruntime_leave_cache_as_owner() }
    guard let cache = unsafe ThreadCache(cnativeruntime_enter_cache_as_owner()) ?? attachOrMake() else { return nil }
    return body(cache)
  }

  /// As ``withCurrent(_:)``, but makes no cache: nil if the thread has had none.
  static func withExisting<R>(_ body: (ThreadCache) -> R) -> R? {
    defer { cnativeruntime_leave_cache_as_owner() }
    guard let cache = unsafe ThreadCache(cnativeruntime_enter_cache_as_owner()) ?? attachExisting() else { return nil }
    return body(cache)
  }

  /// The calling thread's cache, for reading what never changes in it. It is made now if there is none; nil if that
  /// fails.
  static func current() -> ThreadCache? {
    if let cache = unsafe ThreadCache(cnativeruntime_cache()) { return cache }
    return withCurrent { $0 }
  }

  /// Gives the calling thread, which has begun to use its cache, its parked cache or a new one.
  private static func attachOrMake() -> ThreadCache? { attachExisting() ?? make() }

  private static func attachExisting() -> ThreadCache? {
    Maintenance.settleInChild()
    guard let cache = unsafe ThreadCache(pthread_getspecific(key)) else { return nil }
    lock.withLock { attach(cache) }
    // If the kernel refuses the barrier, only the cache's own thread can look into it, so this thread gives back what
    // is due.
    if !isBarrierAllowed { cache.deallocateUnused() }
    Arena.shared.depot.callMaintenance()
    return cache
  }

  private static func make() -> ThreadCache? {
    if Quarantine.isOn { return nil }
    let storage = UnsafeMutablePointer<ThreadCacheStorage>.allocate(capacity: 1)
    let depot = Arena.shared.depot
    unsafe storage.initialize(
      to: ThreadCacheStorage(domain: Arena.shared.domain, roomByteCount: byteLimit, depot: depot))
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
    depot.callMaintenance()
    return cache
  }

  /// Points the thread's record to its cache. The caller holds `lock`.
  static func attach(_ cache: ThreadCache) {
    if unsafe !cache.storage.pointee.isAttached {
      unsafe cache.storage.pointee.isAttached = true
      unsafe attached += 1
    }
    unsafe cnativeruntime_set_cache(cache.storage.pointee.record, cache.storage)
  }

  /// Takes the pointer to a cache away from its thread. The caller holds `lock`.
  static func park(_ cache: ThreadCache) {
    if unsafe cache.storage.pointee.isAttached {
      unsafe cache.storage.pointee.isAttached = false
      unsafe attached -= 1
    }
    unsafe cnativeruntime_set_cache(cache.storage.pointee.record, nil)
  }

  /// Runs at a thread's end: the thread's blocks go to the depot. If a buffer is disposed even later, the thread gets a
  /// new cache, and this runs again.
  private static func endThread(_ pointer: UnsafeMutableRawPointer?) {
    guard let cache = unsafe ThreadCache(pointer) else { return }
    lock.withLock {
      park(cache)
      unlink(cache)
    }
    cache.empty(into: .shared)
    unsafe cache.storage.deinitialize(count: 1)
    unsafe cache.storage.deallocate()
  }

  /// Takes a cache off the list of all caches. The caller holds `lock`.
  static func unlink(_ cache: ThreadCache) {
    let next = unsafe cache.storage.pointee.next
    let previous = unsafe cache.storage.pointee.previous
    unsafe next?.pointee.previous = unsafe previous
    if let previous = unsafe previous { unsafe previous.pointee.next = unsafe next } else { unsafe first = unsafe next }
  }
}
