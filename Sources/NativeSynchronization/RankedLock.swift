// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A mutual-exclusion lock that stays usable across `fork`: ``ForkGuard`` takes it before a fork, and the forked child
/// gives it back. The standard library's `Mutex` does not allow this: it records which thread holds it, and the child's
/// thread has another number.
// SAFETY: a pthread mutex at a stable address, made for use by many threads.
@safe package final class RankedLock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let rank: LockRank
  /// The lock's place on ForkGuard's list; nil for ForkGuard's own locks.
  private let member: ForkGuard.Member?
  /// The lock's number: locks are numbered in the order in which they were made.
  package var order: UInt64 { member?.order ?? 0 }

  package convenience init(_ rank: LockRank) { self.init(rank, isMember: true) }

  /// Makes one of ``ForkGuard``'s own locks. These are not on the list, because `fork` takes them before it reads the
  /// list.
  static func ofForkGuard(_ rank: LockRank) -> RankedLock { RankedLock(rank, isMember: false) }

  private init(_ rank: LockRank, isMember: Bool) {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    let result = unsafe pthread_mutex_init(mutex, nil)
    precondition(result == 0, "pthread_mutex_init failed with \(result)")
    unsafe self.mutex = unsafe mutex
    self.rank = rank
    member =
      isMember
      ? ForkGuard.Member(
        rank, take: { unsafe pthread_mutex_lock(mutex) }, giveBack: { unsafe pthread_mutex_unlock(mutex) }) : nil
  }

  deinit {
    let mutex = unsafe mutex
    member?.leave {
      unsafe pthread_mutex_destroy(mutex)
      unsafe mutex.deallocate()
    }
  }

  package func lock() {
    #if DEBUG
      LockWitness.willTake(rank, order: order)
    #endif
    unsafe pthread_mutex_lock(mutex)
    #if DEBUG
      LockWitness.didTake(rank, order: order)
    #endif
  }

  /// Takes the lock if no thread holds it. Never waits.
  package func tryLock() -> Bool {
    guard unsafe pthread_mutex_trylock(mutex) == 0 else { return false }
    #if DEBUG
      LockWitness.didTake(rank, order: order)
    #endif
    return true
  }

  package func unlock() {
    #if DEBUG
      LockWitness.willGiveBack(rank)
    #endif
    unsafe pthread_mutex_unlock(mutex)
  }

  package func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}
