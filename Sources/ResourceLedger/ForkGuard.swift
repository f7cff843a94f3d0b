import Glibc
import Synchronization

/// Keeps locks whole across `fork`: the forking thread takes them all first, so that the child does not
/// inherit one in the hands of a thread that it does not have.
///
/// The ledger's pages are private to the process: the child goes on with a copy of its own.
///
/// A lazy static is a lock too: a child whose parent forked in the midst of its initialiser waits for ever. The rule
/// for every static of ResourceLedger, JemallocArenas, NativeBuffers and Finalization whose value is not a constant:
///
/// - One that is cheap and needs nothing of the system is made before `main`, while there is one thread: its type's
///   `makeStatics()` passes it to ``touch(_:)``, and a C constructor comes there by ``makeStatics()``, by
///   NativeBuffers' `BeforeMain.swift` or by Finalization's.
/// - One that is dear (`Ledger.shared`, `Arena.shared`), or whose moment matters (`FileDescriptorDomain.shared`), is a
///   ``LateStatic``, made inside ``firstUse(_:)``: `fork` waits until a first use under way is over. As `fork` takes that
///   gate before the locks below, nobody may come to such a first use with one of them in hand.
/// - One that only holds a simple value is computed (`static var`).
///
/// What none of this reaches: Swift's runtime builds a generic type, or a conformance of one, where it is first needed,
/// under locks of its own that it does not keep whole across `fork`. The first cache of a thread is therefore made
/// behind the gate too; unoptimised code has more such places, in the client's part as in ours.
///
/// Dispatch's queues stand still in a child whatever is done: `FlushQueue.shared` is left lazy.
package enum ForkGuard {
  // SAFETY: only changed and read under the mutex that holds this value, or with it held across fork.
  private struct Locks: @unchecked Sendable {
    /// Locks under which every other one may be taken.
    var outer: [ForkSafeLock] = []
    var arenas: [(order: UInt32, lock: ForkSafeLock)] = []
    /// Locks under which no other lock is taken, and the ledger's in their order.
    var inner: [ForkSafeLock] = []
    /// Run in the child, after its locks are free.
    var childActions: [@Sendable () -> Void] = []
    var isInstalled = false
  }

  /// Held during a first use. Taken before every other lock of this type.
  private static let gate = ForkSafeLock()
  /// How many first uses the gate's holder has under way, one inside the other. Under `gate`.
  // SAFETY: guarded by `gate`.
  nonisolated(unsafe) private static var depth = 0
  /// The thread that holds the gate; 0 for none. Only that thread finds its own number here.
  private static let holder = Atomic<UInt>(0)
  /// For tests: called within a first use, by the thread that makes it.
  // SAFETY: set while there is one thread.
  nonisolated(unsafe) package static var onFirstUse: (@Sendable () -> Void)?

  private static let registration = ForkSafeLock()
  // SAFETY: guarded by `registration`.
  nonisolated(unsafe) private static var locks = Locks()

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

  /// Runs a closure that makes something for the process, one at a time, so that no child inherits it half made. A
  /// first use may lead to another one. Runs no code of a client.
  @inline(never)
  package static func firstUse(_ make: () -> Void) {
    let thread = UInt(pthread_self())
    if holder.load(ordering: .relaxed) != thread {
      gate.lock()
      holder.store(thread, ordering: .relaxed)
    }
    unsafe depth += 1
    unsafe onFirstUse?()
    make()
    unsafe depth -= 1
    if unsafe depth == 0 {
      holder.store(0, ordering: .relaxed)
      gate.unlock()
    }
  }

  /// Has a static made whose value nobody needs now.
  @inline(never)
  @_optimize(none)
  package static func touch<Value: ~Copyable>(_ value: borrowing Value) {}

  /// Makes the statics of this module. To be called before `main`.
  package static func makeStatics() {
    touch(gate)
    touch(holder)
    touch(registration)
    unsafe touch(locks)
    touch(Site.unknown)
    Ledger.makeStatics()
    ResourceDomains.makeStatics()
    ScopeTracking.makeStatics()
    registration.withLock { install() }
    rehearse()
  }

  private static func install() {
    guard unsafe !locks.isInstalled else { return }
    unsafe locks.isInstalled = true
    pthread_atfork(
      {
        ForkGuard.gate.lock()
        ForkGuard.registration.lock()
        for lock in unsafe ForkGuard.locks.outer { lock.lock() }
        for (_, lock) in unsafe ForkGuard.locks.arenas { lock.lock() }
        for lock in unsafe ForkGuard.locks.inner { lock.lock() }
      },
      { ForkGuard.releaseAll() },
      {
        ForkGuard.releaseAll()
        ForkGuard.runChildActions()
      })
  }

  private static func runChildActions() {
    Ledger.sharedIfMade?.adoptProcess()
    for action in unsafe locks.childActions { action() }
  }

  /// Goes the ways of a fork once, before `main` and with nothing to do: what the Swift runtime makes at the first use of
  /// a generic type, it makes under locks of its own, which a thread that the child does not have may hold.
  private static func rehearse() {
    let actions = unsafe locks.childActions
    unsafe locks.childActions = [{}]
    gate.lock()
    registration.lock()
    releaseAll()
    runChildActions()
    unsafe locks.childActions = actions
  }

  private static func releaseAll() {
    for lock in unsafe locks.inner.reversed() { lock.unlock() }
    for (_, lock) in unsafe locks.arenas.reversed() { lock.unlock() }
    for lock in unsafe locks.outer.reversed() { lock.unlock() }
    registration.unlock()
    gate.unlock()
  }
}

extension Ledger {
  /// Writes the number of the process that goes on with this copy of the ledger.
  func adoptProcess() {
    let process = UInt32(bitPattern: getpid())
    unsafe atomic32(at: LedgerLayout.processOffset).pointee.store(process, ordering: .releasing)
  }
}
