import Glibc

/// A mutual-exclusion lock that a forked child may unlock: the standard library's `Mutex` records the
/// thread that holds it, and a child's thread has another number.
// SAFETY: a pthread mutex at a stable address, made for use by many threads.
@safe package final class ForkSafeLock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    let result = unsafe pthread_mutex_init(mutex, nil)
    precondition(result == 0, "pthread_mutex_init failed with \(result)")
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  package func lock() { unsafe pthread_mutex_lock(mutex) }
  /// Takes the lock where nobody has it.
  package func tryLock() -> Bool { unsafe pthread_mutex_trylock(mutex) == 0 }
  package func unlock() { unsafe pthread_mutex_unlock(mutex) }

  package func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}
