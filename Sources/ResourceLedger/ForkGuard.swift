import Glibc
import Synchronization

/// Keeps locks whole across `fork`: the forking thread takes them all first, so that the child does not
/// inherit one in the hands of a thread that it does not have.
///
/// The ledger's pages are private to the process: the child goes on with a copy of its own.
package enum ForkGuard {
  private struct Locks: @unchecked Sendable {
    // SAFETY: only changed and read under the mutex that holds this value, or with it held across fork.
    /// Locks under which every other one may be taken.
    var outer: [ForkSafeLock] = []
    var arenas: [(order: UInt32, lock: ForkSafeLock)] = []
    /// Locks under which no other lock is taken, and the ledger's in their order.
    var inner: [ForkSafeLock] = []
    /// Run in the child, after its locks are free.
    var childActions: [@Sendable () -> Void] = []
    var isInstalled = false
  }

  private static let registration = ForkSafeLock()
  nonisolated(unsafe) private static var locks = Locks()  // SAFETY: guarded by `registration`.

  static func protect(_ ledger: Ledger) {
    registration.withLock {
      unsafe locks.inner += [ledger.growth, ledger.interning]
      install()
    }
  }

  /// A new lock that is kept whole across `fork`; for static properties. Under it no other lock is taken.
  package static func innerLock() -> ForkSafeLock {
    let lock = ForkSafeLock()
    registration.withLock {
      unsafe locks.inner.append(lock)
      install()
    }
    return lock
  }

  /// A new lock that is kept whole across `fork`, under which arenas' locks and inner ones may be taken, and
  /// which is taken under none of these. There is no order among outer locks: hold one at a time.
  package static func outerLock() -> ForkSafeLock {
    let lock = ForkSafeLock()
    registration.withLock {
      unsafe locks.outer.append(lock)
      install()
    }
    return lock
  }

  /// Has `body` run in every forked child, which has one thread only, before the child's own code goes on.
  package static func onChild(_ body: @escaping @Sendable () -> Void) {
    registration.withLock {
      unsafe locks.childActions.append(body)
      install()
    }
  }

  /// Adds an arena's slow-path lock; locks are taken by ascending `order`.
  package static func protect(_ lock: ForkSafeLock, order: UInt32) {
    registration.withLock {
      unsafe locks.arenas.append((order, lock))
      unsafe locks.arenas.sort { $0.order < $1.order }
      install()
    }
  }

  package static func unprotect(_ lock: ForkSafeLock) {
    registration.withLock { unsafe locks.arenas.removeAll { $0.lock === lock } }
  }

  private static func install() {
    guard unsafe !locks.isInstalled else { return }
    unsafe locks.isInstalled = true
    pthread_atfork(
      {
        ForkGuard.registration.lock()
        for lock in unsafe ForkGuard.locks.outer { lock.lock() }
        for (_, lock) in unsafe ForkGuard.locks.arenas { lock.lock() }
        for lock in unsafe ForkGuard.locks.inner { lock.lock() }
      },
      { ForkGuard.releaseAll() },
      {
        ForkGuard.releaseAll()
        Ledger.shared.adoptProcess()
        for action in unsafe ForkGuard.locks.childActions { action() }
      })
  }

  private static func releaseAll() {
    for lock in unsafe locks.inner.reversed() { lock.unlock() }
    for (_, lock) in unsafe locks.arenas.reversed() { lock.unlock() }
    for lock in unsafe locks.outer.reversed() { lock.unlock() }
    registration.unlock()
  }
}

extension Ledger {
  /// Writes the number of the process that goes on with this copy of the ledger.
  func adoptProcess() {
    let process = UInt32(bitPattern: getpid())
    unsafe atomic32(at: LedgerLayout.processOffset).pointee.store(process, ordering: .releasing)
  }
}
