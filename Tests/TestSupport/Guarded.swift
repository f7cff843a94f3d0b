// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A value that threads share, guarded by a POSIX lock. The thread sanitizer does not see the standard library's
/// `Mutex`, and would report every use of a value that such a `Mutex` guards.
// SAFETY: `value` is used only under the mutex, which is made for use by many threads.
@safe public final class Guarded<Value>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  public init(_ value: Value) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    self.value = value
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  public func withLock<R>(_ body: (inout Value) throws -> R) rethrows -> R {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
