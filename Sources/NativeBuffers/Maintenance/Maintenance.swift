// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The thread behind ``MaintenanceThread``: looks after idle memory of all arenas, and sleeps while there is none.
///
/// It runs no code of a client: no deallocator of adopted memory, no signal handler. It holds
/// ``ArenaDirectory/upkeep`` while it works on an arena, and that arena's lock for 64 blocks at a time.
enum Maintenance {
  private enum Phase: UInt8 {
    /// To be started when somebody calls.
    case ready
    case running
    /// Not wanted.
    case off
    /// The system gave no thread. As off.
    case failed
    /// A forked child has no such thread and starts none by itself; what the parent's threads left is not looked after
    /// yet. See ``settleInChild()``.
    case forked
    /// For tests: there is no thread, calls are counted, and passes are made by who tests.
    case byHand
  }

  private static let phaseCode = Atomic<UInt8>(Phase.ready.rawValue)
  private static var phase: Phase { Phase(rawValue: phaseCode.load(ordering: .sequentiallyConsistent)) ?? .off }
  private static func set(_ phase: Phase) { phaseCode.store(phase.rawValue, ordering: .sequentiallyConsistent) }

  /// Guards the thread's beginning and end.
  private static let lock = RankedLock(.maintenance)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var thread: Thread?
  /// Passes that the thread made, since the process began: each is one time that it woke.
  static let passCount = Atomic<Int>(0)
  /// Whether the thread sleeps until somebody calls.
  static let hasNothingToDo = Atomic(false)

  /// A thread and how to call it. Never freed: a caller may still know the last one.
  @safe private final class Thread: Sendable {
    let wakeup = Wakeup()
    let isStopping = Atomic(false)
    // SAFETY: written under `lock` before anybody reads it.
    nonisolated(unsafe) var handle = pthread_t()
  }
  private static let currentThread = Atomic<UInt>(0)

  /// Whether somebody comes where one calls.
  static var isAvailable: Bool { [.ready, .running, .byHand].contains(phase) }
  static var isRunning: Bool { phase == .running }

  /// Has the thread make a pass soon; starts it where there is none yet. Cost: an atomic exchange; a system
  /// call where the thread sleeps.
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

  /// Looks after every arena once: what is beyond the limits first.
  /// - Returns: when to come again; nil for when somebody calls.
  static func pass(at now: UInt64) -> UInt64? {
    giveBackSurplusIfCalled()
    var due: UInt64?
    for arena in ArenaDirectory.all {
      guard let depot = arena.depotIfMade else { continue }
      let next = withUpkeep { depot.lookAfter(at: now) }
      giveBackSurplusIfCalled()
      if let next { due = min(due ?? next, next) }
    }
    guard let next = MappingRoom.look(at: now) else { return due }
    return min(due ?? next, next)
  }

  /// A client's purge may hold the lock for as long as it likes.
  static func withUpkeep<R>(_ body: () -> R) -> R {
    if !ArenaDirectory.upkeep.tryLock() { withoutListening(if: true) { ArenaDirectory.upkeep.lock() } }
    defer { ArenaDirectory.upkeep.unlock() }
    return body()
  }

  // MARK: What is beyond the limits
  //
  // It waits for the thread for at most 100 ms: the thread looks for it before everything else and in the midst of
  // long work. For a step of work that may be long and that it cannot leave, it says first that it does not listen, and
  // looks once more; then whoever has a block to leave gives it back. A block that is left at that moment is seen by the
  // thread's look, or its owner sees that nobody listens.

  private static let surplusWaits = Atomic(false)
  private static let isDeaf = Atomic(false)

  /// Whether a block beyond the limit may be left to the thread.
  static var isListening: Bool { isAvailable && !isDeaf.load(ordering: .sequentiallyConsistent) }

  /// Has the thread come for blocks that were left beyond a limit. Cost: as ``call()``.
  static func callForSurplus() {
    surplusWaits.store(true, ordering: .sequentiallyConsistent)
    call()
  }

  /// By any thread that holds no lock of an arena.
  static func giveBackSurplusIfCalled() {
    if surplusWaits.load(ordering: .relaxed), surplusWaits.exchange(false, ordering: .sequentiallyConsistent) {
      giveBackSurplus()
    }
  }

  private static func giveBackSurplus() {
    for arena in ArenaDirectory.all {
      if let depot = arena.depotIfMade, depot.giveBackSurplus() > 0 { _ = depot.shelves.markDirty() }
    }
  }

  /// Runs a step of the thread's work that cannot be left.
  static func withoutListening<R>(if isLong: Bool, _ step: () -> R) -> R {
    guard isLong else { return step() }
    isDeaf.store(true, ordering: .sequentiallyConsistent)
    defer { isDeaf.store(false, ordering: .sequentiallyConsistent) }
    giveBackSurplus()
    return step()
  }

  // MARK: The thread

  /// What callers may add before the thread looks: one call then serves for all of them.
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

  /// What jemalloc maps at a thread's first allocation, and the thread's stack, with something to spare.
  private static var neededAddressSpace: Int { 32 << 20 }

  /// jemalloc 5.3 ends the process where it has no room for what a thread's first allocation needs.
  private static var hasAddressSpace: Bool {
    let region = unsafe mmap(nil, neededAddressSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else { return false }
    unsafe munmap(region, neededAddressSpace)
    return true
  }

  private static func create(_ thread: Thread, _ object: UnsafeMutableRawPointer) -> Bool {
    guard hasAddressSpace else { return false }
    // The new thread begins with this thread's mask: a client's signal handlers are not to run on it.
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
        // The first allocation, while there is room for it.
        unsafe free(malloc(1))
        // SAFETY: the object was retained for good.
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
      depot.shelves.setWatched(false)
      if depot.shelves.hasIdleBlocks || depot.surplus.count > 0 { hasIdleBlocks = true }
    }
    if hasIdleBlocks { call() }
  }

  private static func forEachDepot(_ body: (Depot) -> Void) {
    for arena in ArenaDirectory.all {
      if let depot = arena.depotIfMade { ArenaDirectory.upkeep.withLock { body(depot) } }
    }
  }

  /// For tests, in a process of their own.
  static func beginByHand() {
    turnOff()
    set(.byHand)
    forEachDepot { $0.shelves.setWatched(false) }
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

  /// In a forked child, once, on the first slow path: takes over what threads of the parent kept for themselves and left
  /// to maintenance, which stays off until it is turned on. Not while the process forks, because a child that only goes on
  /// to another program needs none of it. Cost: a load where it is done. Takes locks from ``LockRank/upkeep`` on.
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
