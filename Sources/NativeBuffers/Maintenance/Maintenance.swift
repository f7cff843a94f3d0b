// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The thread behind ``MaintenanceThread``: looks after idle memory of all arenas, and sleeps while there is none.
///
/// It runs no code of a client: no deallocator of adopted memory, no signal handler. It holds
/// ``ArenaDirectory/maintenanceLock`` while it works on an arena. It holds that arena's lock for at most 64 blocks at a
/// time.
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
  @safe private final class Thread: Sendable {
    let wakeup = Wakeup()
    let isStopping = Atomic(false)
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

  /// Looks after every arena once. First, gives back the blocks beyond the limits.
  /// - Returns: when to make the next pass; nil if none is needed before the next call.
  static func pass(at now: UInt64) -> UInt64? {
    giveBackSurplusIfCalled()
    var due: UInt64?
    for arena in ArenaDirectory.all {
      guard let depot = arena.depotIfMade else { continue }
      let next = withMaintenanceLock { depot.lookAfter(at: now) }
      giveBackSurplusIfCalled()
      if let next { due = min(due ?? next, next) }
    }
    guard let next = MappingRoom.look(at: now) else { return due }
    return min(due ?? next, next)
  }

  /// Runs a closure that needs ``ArenaDirectory/maintenanceLock``. Does not listen while it waits for that lock,
  /// because a client's purge may hold it for long.
  static func withMaintenanceLock<R>(_ body: () -> R) -> R {
    if !ArenaDirectory.maintenanceLock.tryLock() {
      withoutListening(if: true) { ArenaDirectory.maintenanceLock.lock() }
    }
    defer { ArenaDirectory.maintenanceLock.unlock() }
    return body()
  }

  // MARK: Blocks beyond the limits
  //
  // Such a block waits for the thread for at most 100 ms: the thread looks for these blocks before everything else and
  // several times during long work. Before a step that may be long and cannot be interrupted, the thread says that it
  // does not listen, and then looks once more. From then on, a thread with such a block gives it back itself. If a
  // block is left at that very moment, either the maintenance thread sees it when it looks, or the thread that left it
  // sees that the maintenance thread does not listen.

  /// Whether blocks beyond a limit were left since they were last looked for.
  private static let surplusWaits = Atomic(false)
  /// Whether the thread does not listen now.
  private static let isDeaf = Atomic(false)

  /// Whether a block beyond the limit may be left to the thread.
  static var isListening: Bool { isAvailable && !isDeaf.load(ordering: .sequentiallyConsistent) }

  /// Has the thread come for blocks that were left beyond a limit. Cost: as ``call()``.
  static func callForSurplus() {
    surplusWaits.store(true, ordering: .sequentiallyConsistent)
    call()
  }

  /// Gives back the blocks beyond the limits, if a thread called for that. The caller holds no arena's lock.
  static func giveBackSurplusIfCalled() {
    if surplusWaits.load(ordering: .relaxed), surplusWaits.exchange(false, ordering: .sequentiallyConsistent) {
      deallocateSurplus()
    }
  }

  private static func deallocateSurplus() {
    for arena in ArenaDirectory.all {
      if let depot = arena.depotIfMade, depot.deallocateSurplus() > 0 { _ = depot.bins.markDirty() }
    }
  }

  /// Runs a step of the thread's work that cannot be interrupted. If it may be long, the thread does not listen
  /// meanwhile.
  static func withoutListening<R>(if isLong: Bool, _ step: () -> R) -> R {
    guard isLong else { return step() }
    isDeaf.store(true, ordering: .sequentiallyConsistent)
    defer { isDeaf.store(false, ordering: .sequentiallyConsistent) }
    deallocateSurplus()
    return step()
  }

  // MARK: The thread

  /// Microseconds to wait after a wake-up, so that one pass serves all calls of that time.
  private static let gatheringTime: UInt32 = 1_000

  private static func run(_ thread: Thread) {
    var due: UInt64?
    while true {
      if thread.wakeup.wait(until: due) { usleep(gatheringTime) }
      thread.wakeup.reset()
      if thread.isStopping.load(ordering: .sequentiallyConsistent) { return }
      due = pass(at: MonotonicClock.now)
      hasNothingToDo.store(due == nil, ordering: .relaxed)
      passCount.add(1, ordering: .relaxed)
    }
  }

  private static func start() {
    lock.withLock {
      guard phase == .ready else { return }
      let new = Thread()
      let object = unsafe Unmanaged.passRetained(new).toOpaque()
      guard unsafe create(new, object) else { return set(.failed) }
      unsafe thread = new
      currentThread.store(UInt(bitPattern: object), ordering: .releasing)
      new.wakeup.wake()
      set(.running)
    }
  }

  /// Bytes of address space that a start needs: for the thread's stack and for what jemalloc maps at a thread's first
  /// allocation, with some to spare.
  private static var neededAddressSpace: Int { 32 << 20 }

  /// Whether there is as much address space as a start needs. This is checked first, because jemalloc 5.3 ends the
  /// process if it has no room for what a thread's first allocation needs.
  private static var hasAddressSpace: Bool {
    let region = unsafe mmap(nil, neededAddressSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else { return false }
    unsafe munmap(region, neededAddressSpace)
    return true
  }

  private static func create(_ thread: Thread, _ object: UnsafeMutableRawPointer) -> Bool {
    guard hasAddressSpace else { return false }
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

  static func turnOff() {
    settleInChild()
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
    forEachDepot { $0.lookAfterNoMore() }
  }

  static func turnOn() {
    settleInChild()
    let wasOff = lock.withLock {
      guard phase == .off || phase == .failed else { return false }
      set(.ready)
      return true
    }
    guard wasOff else { return }
    var hasIdleBlocks = ThreadCaches.attachedCount > 0
    forEachDepot { depot in
      depot.bins.setWatched(false)
      if depot.bins.hasIdleBlocks || depot.surplus.count > 0 { hasIdleBlocks = true }
    }
    if hasIdleBlocks { call() }
  }

  private static func forEachDepot(_ body: (Depot) -> Void) {
    for arena in ArenaDirectory.all {
      if let depot = arena.depotIfMade { ArenaDirectory.maintenanceLock.withLock { body(depot) } }
    }
  }

  /// For tests, in a process of their own: no thread runs, and the test makes the passes.
  static func beginByHand() {
    turnOff()
    set(.byHand)
    forEachDepot { $0.bins.setWatched(false) }
  }
  static let callsByHand = Atomic<Int>(0)

  // MARK: Fork

  static func makeStatics() {
    ForkGuard.touch(phaseCode)
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(thread)
    ForkGuard.touch(passCount)
    ForkGuard.touch(hasNothingToDo)
    ForkGuard.touch(currentThread)
    ForkGuard.touch(callsByHand)
    ForkGuard.touch(surplusWaits)
    ForkGuard.touch(isDeaf)
    ForkGuard.onChild {
      set(.forked)
      ThreadCaches.parkOwn()
    }
  }

  /// Takes over, in a forked child, what the parent's threads kept for themselves and what they left to maintenance.
  /// Maintenance then stays off until it is turned on. This happens once, on the child's first slow path, and not in
  /// `fork`, because a child that only starts another program does not need it. Cost: one load if it is done already.
  /// Takes locks from ``LockRank/arenaMaintenance`` on.
  static func settleInChild() {
    guard phaseCode.load(ordering: .relaxed) == Phase.forked.rawValue else { return }
    let (isFirst, _) = phaseCode.compareExchange(
      expected: Phase.forked.rawValue, desired: Phase.off.rawValue, ordering: .sequentiallyConsistent)
    guard isFirst else { return }
    lock.withLock { unsafe thread = nil }
    isDeaf.store(false, ordering: .relaxed)
    ThreadCaches.adoptOrphans()
    forEachDepot { $0.lookAfterNoMore() }
  }
}
