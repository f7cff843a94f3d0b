// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The thread behind ``MaintenanceThread``: looks after idle memory of all arenas, refreshes the ledger's clock once a
/// second, and answers requests of other processes. While the process has no block, it sleeps without a deadline.
///
/// Here is how it starts, is called and ends. How it sleeps is in Maintenance+Loop.swift; what it does is in
/// Maintenance+Pass.swift, Maintenance+Seconds.swift and RequestAnswers.swift. It runs no code of a client: no
/// deallocator of adopted memory, no signal handler.
enum Maintenance {
  private enum Phase: UInt8 {
    /// There is no thread yet. The first call starts it.
    case ready
    case running
    /// Turned off: calls do nothing.
    case off
    /// The thread could not be started: calls do nothing.
    case failed
    /// A forked child, which has no such thread and starts none by itself. What the parent's threads left is not taken
    /// over yet: see ``settleInChild()``.
    case forked
    /// For tests: there is no thread, calls are counted, and the test makes the passes.
    case byHand
  }

  /// Held while a thread works on an arena's unused memory, which may take longer than the arena's slow path may wait.
  /// No arena is destroyed meanwhile. Taken before the arena's own lock.
  static let workLock = RankedLock(.arenaMaintenance)

  private static let phaseCode = Atomic<UInt8>(Phase.ready.rawValue)
  private static var phase: Phase { Phase(rawValue: phaseCode.load(ordering: .sequentiallyConsistent)) ?? .off }
  private static func set(_ phase: Phase) { phaseCode.store(phase.rawValue, ordering: .sequentiallyConsistent) }

  /// Guards the thread's start and end.
  private static let lock = RankedLock(.maintenance)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var thread: Thread?
  /// The number of passes that the thread has made since the process began: one for each time that it woke.
  static let passCount = Atomic<Int>(0)
  /// Whether the thread sleeps until a call wakes it, without a deadline.
  static let hasNothingToDo = Atomic(false)

  /// The maintenance thread and the means to wake it. Never freed, because another thread may still use a thread that
  /// has ended.
  @safe final class Thread: Sendable {
    let wakeup = Wakeup()
    let isStopping = Atomic(false)
    /// The word by which other processes ask for an answer; nil if the system gave no memory for it.
    let request: ForeignWord?

    init(request: ForeignWord?) { self.request = request }

    // SAFETY: written under `lock`, before any thread reads it.
    nonisolated(unsafe) var handle = pthread_t()
  }
  /// The address of the newest thread's object, which ``call()`` reads without a lock; 0 before the first start.
  /// Written under `lock`.
  private static let currentThread = Atomic<UInt>(0)

  /// Whether a call leads to a pass.
  static var isAvailable: Bool { [.ready, .running, .byHand].contains(phase) }
  static var isRunning: Bool { phase == .running }

  /// Has the thread make a pass soon; starts the thread if there is none yet. Cost: an atomic exchange, and a system
  /// call if the thread sleeps.
  static func call() {
    switch phase {
    case .running:
      // SAFETY: threads are never freed.
      if let pointer = unsafe UnsafeRawPointer(bitPattern: currentThread.load(ordering: .acquiring)) {
        unsafe Unmanaged<Thread>.fromOpaque(pointer)._withUnsafeGuaranteedRef { $0.wakeup.wake() }
      }
    case .ready: start()
    case .off, .failed, .forked: break
    case .byHand: callsByHand.add(1, ordering: .relaxed)
    }
  }

  // MARK: Debts
  //
  // A depot may have more idle bytes than its limit allows, for at most 100 ms: this is its debt. Arena.finishPush says
  // who pays it, and when. Before a step that may be long and cannot be interrupted, the thread says that it refuses
  // debts, and then pays once more. From then on, no depot makes a debt. If a thread makes one at that very moment,
  // either the maintenance thread sees it when it pays, or the other thread sees that debts are refused, and pays
  // itself.

  /// Whether a debt was made since they were last paid.
  static let debtsWait = Atomic(false)
  /// Whether the thread makes a long step now, and takes no debts.
  static let refusesDebts = Atomic(false)

  /// Whether a debt may be left to the thread.
  static var acceptsDebts: Bool { isAvailable && !refusesDebts.load(ordering: .sequentiallyConsistent) }

  /// Has the thread pay the debts of all depots. Cost: as ``call()``.
  static func callForDebts() {
    debtsWait.store(true, ordering: .sequentiallyConsistent)
    call()
  }

  // MARK: The thread

  private static func start() {
    lock.withLock {
      guard phase == .ready else { return }
      let new = unsafe Thread(request: cnativeruntime_request_word().map { unsafe ForeignWord($0) })
      let object = unsafe Unmanaged.passRetained(new).toOpaque()
      guard unsafe create(new, object) else { return set(.failed) }
      unsafe thread = new
      currentThread.store(UInt(bitPattern: object), ordering: .releasing)
      new.wakeup.wake()
      set(.running)
    }
  }

  private static func create(_ thread: Thread, _ object: UnsafeMutableRawPointer) -> Bool {
    guard ThreadRoom.isAvailable else { return false }
    // The new thread inherits this thread's signal mask: a client's signal handlers must not run on it.
    var all = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    var handle = pthread_t()
    let result = unsafe pthread_create(
      &handle, nil,
      { object in
        unsafe cnativeruntime_set_thread_name("native-buffers")
        // Make the thread's first allocation now, while there is room for it.
        unsafe free(malloc(1))
        // SAFETY: the object was retained and is never released.
        if let object = unsafe object {
          Maintenance.run(unsafe Unmanaged<Thread>.fromOpaque(object).takeUnretainedValue())
        }
        return nil
      }, object)
    unsafe thread.handle = handle
    return result == 0
  }

  // MARK: Off and on

  static var isEnabled: Bool { phase != .off && phase != .forked }

  /// Turns maintenance off, and waits until the thread has ended.
  static func endThread() {
    let stopped = lock.withLock {
      let running = unsafe thread
      unsafe thread = nil
      set(.off)
      return running
    }
    if let stopped {
      stopped.isStopping.store(true, ordering: .sequentiallyConsistent)
      stopped.wakeup.wake()
      unsafe pthread_join(stopped.handle, nil)
    }
  }

  /// Lets the next call start a thread.
  /// - Returns: false if it may do so already.
  static func allowThread() -> Bool {
    lock.withLock {
      guard phase == .off || phase == .failed else { return false }
      set(.ready)
      return true
    }
  }

  /// For tests: from now on there is no thread, and calls are counted.
  static func countCalls() {
    set(.byHand)
    countsSeconds.store(true, ordering: .relaxed)
  }
  static let callsByHand = Atomic<Int>(0)

  // MARK: In a forked child

  static func beginInChild() {
    set(.forked)
    countsSeconds.store(false, ordering: .relaxed)
    cnativeruntime_leave_request()
  }

  /// Whether this is a forked child that has not taken over yet what the parent's threads left.
  @inline(__always)
  static var isForkedAndUnsettled: Bool { phaseCode.load(ordering: .acquiring) == Phase.forked.rawValue }

  /// Turns maintenance off in a forked child, which has settled now.
  static func turnOffInChild() {
    lock.withLock { unsafe thread = nil }
    refusesDebts.store(false, ordering: .relaxed)
    set(.off)
  }

  static func makeStatics() {
    ForkGuard.touch(workLock)
    ForkGuard.touch(phaseCode)
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(thread)
    ForkGuard.touch(passCount)
    ForkGuard.touch(hasNothingToDo)
    ForkGuard.touch(currentThread)
    ForkGuard.touch(callsByHand)
    ForkGuard.touch(debtsWait)
    ForkGuard.touch(refusesDebts)
    ForkGuard.touch(countsSeconds)
    ForkGuard.touch(history)
  }
}
