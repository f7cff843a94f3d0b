// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The part of a registry that does not depend on the type of held values. It outlives the registry object until the
/// last registration has ended.
///
/// ```text
/// register    RegistryCore+Registering: `begin` takes a cell from PoolStripes, `link` puts it on the list of an anchor
/// death       FinalizationAnchor: `reportDeath` ──► `targetDied` here ──► DeathQueue, or the thread's pending list
/// delivery    here: `deliver` claims the cell, runs the cleanup, and retires the cell to PoolStripes
/// unregister  RegistryCore+Registering: `unregister` claims the cells of a token and retires them without a cleanup
/// ```
// SAFETY: its fields are constants and atomics; the objects that they refer to may be used by many threads.
@usableFromInline
final class RegistryCore: CellOwner, @unchecked Sendable {
  /// The properties of the type of held values. Each closure gets a cell with a held value.
  @usableFromInline
  struct HeldValues: Sendable {
    let size: Int
    let alignment: Int
    /// Moves the value out and runs the registry's cleanup with it.
    let cleanUp: @Sendable (Cell) throws -> Void
    /// Destroys the value; nil if there is nothing to destroy.
    let drop: (@Sendable (Cell) -> Void)?

    @usableFromInline
    init(
      size: Int, alignment: Int, cleanUp: @escaping @Sendable (Cell) throws -> Void,
      drop: (@Sendable (Cell) -> Void)?
    ) {
      self.size = size
      self.alignment = alignment
      self.cleanUp = cleanUp
      self.drop = drop
    }
  }

  let pool: CellPool
  let stripes: PoolStripes
  let locks = AnchorLocks.shared
  let delivery: Delivery
  let heldValues: HeldValues
  private let errorHandler: @Sendable (any Error) -> Void
  let queue: DispatchQueue?
  private let host: ExecutorHost?

  let deaths: DeathQueue
  private let isOrphaned = Atomic<Bool>(false)

  /// Increased by each flush. `evenSessions` and `oddSessions` count the deliveries under way, by the parity of `epoch`
  /// when they began: see ``flush()``.
  let epoch = Atomic<Int>(0)
  let evenSessions = Atomic<Int>(0)
  let oddSessions = Atomic<Int>(0)
  /// Whether deaths are due and no thread could be started to deliver them.
  let isOverdue = Atomic<Bool>(false)
  /// The address of the next registry of ``OverdueDeliveries``; 0 for none.
  let nextOverdue = Atomic<UInt>(0)
  /// Lets one flush at a time wait.
  let flushing = DispatchSemaphore(value: 1)

  @usableFromInline
  init(
    name: String, delivery: Delivery, heldValues: HeldValues, errorHandler: @escaping @Sendable (any Error) -> Void
  ) {
    pool = CellPool(name: name, heldSize: heldValues.size, heldAlignment: heldValues.alignment)
    stripes = pool.stripes
    deaths = pool.deaths
    self.delivery = delivery
    self.heldValues = heldValues
    self.errorHandler = errorHandler
    switch delivery.kind {
    case .background, .manual:
      queue = DispatchQueue(label: "finalization \(name)", qos: .utility)
      host = nil
    case .queue(let given):
      given.setSpecific(key: Self.queueKey, value: ObjectIdentifier(given))
      queue = given
      host = nil
    case .serialExecutor(let executor):
      queue = nil
      host = ExecutorHost(executor)
    case .inline, .taskExecutor:
      queue = nil
      host = nil
    }
    super.init()
    if case .background = delivery.kind, let queue {
      queue.setSpecific(key: Self.queueKey, value: ObjectIdentifier(queue))
    }
  }

  static let queueKey = DispatchSpecificKey<ObjectIdentifier>()

  // MARK: Cleanups

  /// Runs a cleanup with the held value of a cell that the caller claimed and took off all lists, then retires the
  /// cell.
  /// - Parameter start: about when the cleanup begins, which an audit reads: see ``CoarseClock``.
  func cleanUp(_ cell: Cell, start: UInt32, with cleanUp: (Cell) throws -> Void) throws {
    defer { retire(cell) }
    try run(cell, start: start, with: cleanUp)
  }

  private func run(_ cell: Cell, start: UInt32, with cleanUp: (Cell) throws -> Void) throws {
    cell.entry.cleanupStart = start
    // The held value is released when the cleanup ends; the deaths that this causes are delivered after that.
    try DeliveringThread.run { try cleanUp(cell) }
  }

  /// Gives the registry's handler an error that no caller waits for.
  func report(_ error: any Error) { errorHandler(error) }

  /// Runs the cleanup of a claimed cell whose target may be alive, on this thread.
  func cleanUpNow(_ cell: Cell) throws {
    let start = CoarseClock.now
    if unlink(cell) { return try cleanUp(cell, start: start, with: heldValues.cleanUp) }
    // The target died, so the cell is queued: the queue's reader finds it claimed, perhaps at this moment.
    defer { if cell.set(CellRecord.Flags.left, andTest: CellRecord.Flags.dequeued) { retire(cell) } }
    try run(cell, start: start, with: heldValues.cleanUp)
  }

  // MARK: Deaths

  /// Queues the cell. If the registry delivers inline, the cell goes into this thread's pending list instead.
  ///
  /// Nothing keeps the core alive once the cell is in the queue: its delivery may end the last registration of a
  /// registry that is gone. So the core is kept if a delivery must be scheduled, and otherwise not used any more.
  override func targetDied(_ cell: Cell) {
    if delivery.isInline {
      let session = epochNow
      unsafe cell.record.pointee.session = session
      beginSession(session)
      return DeliveringThread.append(cell)
    }
    var isKept = false
    let isFirst = deaths.push(cell) {
      if !isKept { keepForScheduling() }
      isKept = true
    }
    guard isKept else { return }
    let kept = unsafe Unmanaged.passUnretained(self).takeRetainedValue()
    if isFirst { kept.scheduleIfNeeded() }
  }

  /// Not inlined, because the compiler would otherwise find this retain unnecessary and remove it.
  @inline(never)
  private func keepForScheduling() { _ = unsafe Unmanaged.passRetained(self) }

  /// Whether the queue is the library's own. For a queue or an executor of a client, the client sees to the threads.
  private var hasOwnQueue: Bool {
    switch delivery.kind {
    case .background, .manual: true
    case .queue, .serialExecutor, .taskExecutor, .inline: false
    }
  }

  private func scheduleIfNeeded() {
    OverdueDeliveries.retry()
    if !delivery.isManual || isOrphaned.load(ordering: .sequentiallyConsistent) { schedule() }
  }

  func schedule() {
    // Nothing runs in the background in a forked child.
    if ForkGuard.isForkedChild { return }
    if let queue {
      if hasOwnQueue, !ThreadRoom.isAvailable { return OverdueDeliveries.add(self) }
      queue.async { self.deliverScheduled() }
    } else if let host {
      Task { await host.run { self.deliverScheduled() } }
    } else if case .taskExecutor(let executor) = delivery.kind {
      Task(executorPreference: executor) { self.deliverScheduled() }
    }
  }

  // MARK: Delivering

  func deliverScheduled() {
    while deliverQueued(limit: 256, using: heldValues.cleanUp, failing: { report($0) }) {}
  }

  /// Delivers queued cells, at most `limit`.
  /// - Returns: whether there may be more.
  func deliverQueued(limit: Int, using cleanUp: (Cell) throws -> Void, failing: (any Error) -> Void) -> Bool {
    let session = epochNow
    beginSession(session)
    defer { endSession(session) }
    var start: UInt32 = 0
    for number in 0..<limit {
      guard let cell = deaths.pop() else { return false }
      // The clock is not read for each cleanup, because that takes a thirtieth of a delivery.
      if number % Self.cleanupsPerReading == 0 { start = CoarseClock.now }
      do { try deliver(cell, start: start, using: cleanUp) } catch { failing(error) }
    }
    return true
  }

  /// How many cleanups in a row share one reading of the clock: that of the first.
  private static let cleanupsPerReading = 16

  /// Delivers a cell that came off the queue.
  private func deliver(_ cell: Cell, start: UInt32, using cleanUp: (Cell) throws -> Void) throws {
    if cell.isMark {
      // The thread that queued the mark waits for this flag.
      _ = cell.set(CellRecord.Flags.isReached, andTest: 0)
    } else if cell.claim() {
      unlinkToken(cell)
      try self.cleanUp(cell, start: start, with: cleanUp)
    } else if cell.set(CellRecord.Flags.dequeued, andTest: CellRecord.Flags.left) {
      retire(cell)
    }
  }

  override func deliverPending(_ cell: Cell) {
    do { try deliverPending(cell, using: heldValues.cleanUp) } catch { report(error) }
  }

  private func deliverPending(_ cell: Cell, using cleanUp: (Cell) throws -> Void) throws {
    // Read before the delivery, which gives the cell away.
    let session = unsafe cell.record.pointee.session
    defer { endSession(session) }
    try deliver(cell, start: CoarseClock.now, using: cleanUp)
  }

  @usableFromInline
  func drain() throws { try drain(using: heldValues.cleanUp) }

  /// Delivers everything that is due: the deaths that were reported, and those that a sweep finds.
  @usableFromInline
  func drain(using cleanUp: (Cell) throws -> Void) throws {
    WatchTable.shared.sweep()
    var errors: [any Error] = []
    while let cell = DeliveringThread.takePending(of: self) {
      do { try deliverPending(cell, using: cleanUp) } catch { errors.append(error) }
    }
    while deliverQueued(limit: 256, using: cleanUp, failing: { errors.append($0) }) {}
    guard let first = errors.first else { return }
    throw errors.count == 1 ? first : CleanupFailures(errors: errors)
  }

  /// Delivers everything that is due; errors go to the registry's handler.
  func drainReporting() {
    do { try drain() } catch let failures as CleanupFailures {
      for error in failures.errors { report(error) }
    } catch {
      report(error)
    }
  }

  /// Called when the registry object goes away. Deaths that are due are delivered here, unless a delivery in the
  /// background does so. Pending registrations stay in force.
  @usableFromInline
  func orphan() {
    isOrphaned.store(true, ordering: .sequentiallyConsistent)
    let isOverdue = isOverdue.load(ordering: .sequentiallyConsistent)
    if delivery.isManual || isOverdue || ForkGuard.isForkedChild { drainReporting() }
    if stripes.orphan() { unsafe Unmanaged.passUnretained(self).release() }
  }
}

extension Cell {
  /// The core of the cell's registry: alive as long as the cell is pending or claimed.
  // SAFETY: every cell belongs to a `RegistryCore`.
  var core: RegistryCore { unsafe unsafeDowncast(owner, to: RegistryCore.self) }

  /// Calls `body` with the core, without counting a reference. `body` may end the registration, as its last step.
  @inline(__always)
  func withCore<R>(_ body: (RegistryCore) -> R) -> R {
    // SAFETY: as above. In one step and not by `withOwner`, because the compiler does not inline a closure in another.
    unsafe Unmanaged<RegistryCore>.fromOpaque(record.pointee.owner.toOpaque())._withUnsafeGuaranteedRef(body)
  }
}
