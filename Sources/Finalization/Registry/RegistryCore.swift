// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The part of a registry that does not depend on the type of held values: the queue of deaths and their delivery.
///
/// It outlives the registry object until the last registration has ended.
// SAFETY: its fields are constants and atomics; the objects that they refer to may be used by many threads.
@usableFromInline
final class RegistryCore: @unchecked Sendable {
  /// The properties of the type of held values. Each closure gets the address of a held value.
  @usableFromInline
  struct HeldValues: Sendable {
    let size: Int
    let alignment: Int
    /// Moves the value out and runs the registry's cleanup with it.
    let cleanUp: @Sendable (HeldValueStorage) throws -> Void
    /// Destroys the value; nil if there is nothing to destroy.
    let drop: (@Sendable (HeldValueStorage) -> Void)?

    @usableFromInline
    init(
      size: Int, alignment: Int, cleanUp: @escaping @Sendable (HeldValueStorage) throws -> Void,
      drop: (@Sendable (HeldValueStorage) -> Void)?
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
    if case .background = delivery.kind, let queue {
      queue.setSpecific(key: Self.queueKey, value: ObjectIdentifier(queue))
    }
  }

  static let queueKey = DispatchSpecificKey<ObjectIdentifier>()

  // MARK: Held values

  /// Runs a cleanup with the held value of a cell that the caller claimed and took off all lists, then
  /// retires the cell.
  /// - Parameter start: about when the cleanup begins, which an audit reads: see ``CoarseClock``.
  func cleanUp(_ cell: Cell, start: UInt32, with cleanUp: (HeldValueStorage) throws -> Void) throws {
    defer { retire(cell) }
    try run(cell, start: start, with: cleanUp)
  }

  private func run(_ cell: Cell, start: UInt32, with cleanUp: (HeldValueStorage) throws -> Void) throws {
    cell.entry.cleanupStart = start
    // The held value is released when the cleanup ends; the deaths that this causes are delivered after that.
    try DeliveringThread.run { try cleanUp(stripes.held(cell)) }
  }

  /// Gives the registry's handler an error that no caller waits for.
  func report(_ error: any Error) { errorHandler(error) }

  // MARK: The end of a registration

  /// Ends a registration in both books. After that the caller must not use the cell, and the core may be gone.
  @inline(__always)
  func retire(_ cell: Cell) {
    if stripes.retire(cell) { unsafe Unmanaged.passUnretained(self).release() }
  }

  /// Takes a claimed cell off its lists.
  /// - Returns: false if its target's death put the cell into the queue, whose reader will find it claimed.
  @inline(__always)
  func unlink(_ cell: Cell) -> Bool {
    unlinkToken(cell)
    if cell.isUnlinked { return true }
    while true {
      let target = unsafe cell.record.pointee.target.load(ordering: .acquiring)
      if target == 0 { return false }
      locks.lock(of: target)
      let isLinked = unsafe cell.record.pointee.target.load(ordering: .relaxed) == target
      if isLinked { FinalizationAnchor.with(target) { $0.unlinkTarget(cell) } }
      locks.unlock(of: target)
      if isLinked { return true }
    }
  }

  @inline(__always)
  func unlinkToken(_ cell: Cell) {
    while true {
      let token = unsafe cell.record.pointee.token.load(ordering: .acquiring)
      if token == 0 { return }
      locks.lock(of: token)
      let isLinked = unsafe cell.record.pointee.token.load(ordering: .relaxed) == token
      if isLinked { FinalizationAnchor.with(token) { $0.unlinkToken(cell) } }
      locks.unlock(of: token)
      if isLinked { return }
    }
  }

  /// Gives a claimed cell, without its held value, back to the pool: now, or when the queue's reader takes it from the
  /// queue.
  @inline(__always)
  func finish(_ cell: Cell) {
    if unlink(cell) || cell.set(CellRecord.Flags.left, andTest: CellRecord.Flags.dequeued) { retire(cell) }
  }

  /// Runs the cleanup of a claimed cell whose target may be alive, on this thread.
  func cleanUpNow(_ cell: Cell) throws {
    let start = CoarseClock.now
    if unlink(cell) { return try cleanUp(cell, start: start, with: heldValues.cleanUp) }
    // The target died, so the cell is queued: the queue's reader finds it claimed, perhaps at this moment.
    defer { if cell.set(CellRecord.Flags.left, andTest: CellRecord.Flags.dequeued) { retire(cell) } }
    try run(cell, start: start, with: heldValues.cleanUp)
  }

  // MARK: The queue

  /// Queues the cell of a target that died. After that the caller must call ``DeliveringThread/deliverPending()``.
  ///
  /// The method is static because nothing keeps the core alive once the cell is in the queue: its delivery may end the
  /// last registration of a registry that is gone.
  static func enqueue(_ cell: Cell) {
    let core = unsafe cell.record.pointee.core
    var isKept = false
    let isFirst = unsafe core._withUnsafeGuaranteedRef { core in
      guard core.delivery.isInline else {
        return core.deaths.push(cell) {
          if !isKept { core.keepForScheduling() }
          isKept = true
        }
      }
      let session = core.epochNow
      unsafe cell.record.pointee.session = session
      core.beginSession(session)
      DeliveringThread.append(cell)
      return false
    }
    guard isKept else { return }
    let kept = unsafe core.takeRetainedValue()
    if isFirst { kept.scheduleIfNeeded() }
  }

  /// Not inlined, because the compiler would otherwise find this retain unnecessary and remove it.
  @inline(never)
  private func keepForScheduling() { _ = unsafe Unmanaged.passRetained(self) }

  private func scheduleIfNeeded() {
    if !delivery.isManual || isOrphaned.load(ordering: .sequentiallyConsistent) { schedule() }
  }

  func schedule() {
    // Nothing runs in the background in a forked child.
    if ForkGuard.isForkedChild { return }
    if let queue {
      queue.async { self.deliverScheduled() }
    } else if let host {
      Task { await host.run { self.deliverScheduled() } }
    } else if case .taskExecutor(let executor) = delivery.kind {
      Task(executorPreference: executor) { self.deliverScheduled() }
    }
  }

  // MARK: Delivering

  private func deliverScheduled() {
    while deliverQueued(limit: 256, using: heldValues.cleanUp, failing: { report($0) }) {}
  }

  /// Delivers queued cells, at most `limit`.
  /// - Returns: whether there may be more.
  func deliverQueued(limit: Int, using cleanUp: (HeldValueStorage) throws -> Void, failing: (any Error) -> Void) -> Bool
  {
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
  private func deliver(_ cell: Cell, start: UInt32, using cleanUp: (HeldValueStorage) throws -> Void) throws {
    if cell.isMark {
      // The thread that queued the mark waits for this flag.
      _ = cell.set(CellRecord.Flags.isReached, andTest: 0)
    } else if Cell.claim(cell.entry, key: cell.key) {
      unlinkToken(cell)
      try self.cleanUp(cell, start: start, with: cleanUp)
    } else if cell.set(CellRecord.Flags.dequeued, andTest: CellRecord.Flags.left) {
      retire(cell)
    }
  }

  /// Delivers a cell from the thread's pending list.
  func deliverInline(_ cell: Cell) {
    do { try deliverPending(cell, using: heldValues.cleanUp) } catch { report(error) }
  }

  private func deliverPending(_ cell: Cell, using cleanUp: (HeldValueStorage) throws -> Void) throws {
    // Read before the delivery, which gives the cell away.
    let session = unsafe cell.record.pointee.session
    defer { endSession(session) }
    try deliver(cell, start: CoarseClock.now, using: cleanUp)
  }

  @usableFromInline
  func drain() throws { try drain(using: heldValues.cleanUp) }

  /// Delivers everything that is due: the deaths that were reported, and those that a sweep finds.
  @usableFromInline
  func drain(using cleanUp: (HeldValueStorage) throws -> Void) throws {
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
    if delivery.isManual || ForkGuard.isForkedChild { drainReporting() }
    if stripes.orphan() { unsafe Unmanaged.passUnretained(self).release() }
  }
}
