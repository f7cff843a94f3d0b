import Dispatch
import ResourceLedger
import Synchronization

/// What a registry is without its type of held values: the queue of deaths and its deliveries.
///
/// It outlives the registry object until its last registration is gone.
class RegistryCore: @unchecked Sendable {
  // SAFETY: `delivered` changes under `queueLock`; everything else is constant or atomic.
  let pool: CellPool
  let delivery: Delivery
  let queue: DispatchQueue?
  private let host: ExecutorHost?

  /// Cells whose targets died, last one first: pushed by any thread, taken whole.
  private let ready = Atomic<UInt>(0)
  private let queueLock = SpinLock()
  /// Cells taken from `ready`, first one first.
  @exclusivity(unchecked) private var taken: Cell?
  private let isOrphaned = Atomic<Bool>(false)

  /// Deliveries under way, by the parity of `epoch` when they began: see ``flush()``.
  let epoch = Atomic<Int>(0)
  let evenSessions = Atomic<Int>(0)
  let oddSessions = Atomic<Int>(0)
  let flushing = DispatchSemaphore(value: 1)

  init(name: String, delivery: Delivery, heldSize: Int, heldAlignment: Int) {
    pool = CellPool(name: name, heldSize: heldSize, heldAlignment: heldAlignment)
    self.delivery = delivery
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

  /// Runs the cleanup of a cell that the caller claimed and took off all lists, then retires the cell.
  func cleanUp(_ cell: Cell) throws { preconditionFailure("a core has a type") }

  /// As ``cleanUp(_:)``, without retiring the cell.
  func cleanUpQueued(_ cell: Cell) throws { preconditionFailure("a core has a type") }

  /// Moves the held value of a claimed cell out and releases it.
  func dropHeldValue(of cell: Cell) { preconditionFailure("a core has a type") }

  /// An error that nobody waits for.
  func report(_ error: any Error) { preconditionFailure("a core has a type") }

  // MARK: The end of a registration

  /// Ends a registration in the books. The cell is nobody's then, and the core may be gone.
  @inline(__always)
  func retire(_ cell: Cell) {
    if pool.retire(cell) { unsafe Unmanaged.passUnretained(self).release() }
  }

  /// Takes a claimed cell off its lists.
  /// - Returns: false where its target's death put it into the queue, whose reader will find it claimed.
  @inline(__always)
  func unlink(_ cell: Cell) -> Bool {
    unlinkToken(cell)
    if cell.isUnlinked { return true }
    while true {
      let target = unsafe cell.record.pointee.target.load(ordering: .acquiring)
      if target == 0 { return false }
      AnchorLocks.shared.lock(of: target)
      let isLinked = unsafe cell.record.pointee.target.load(ordering: .relaxed) == target
      if isLinked { Self.withAnchor(target) { $0.unlinkTarget(cell) } }
      AnchorLocks.shared.unlock(of: target)
      if isLinked { return true }
    }
  }

  @inline(__always)
  func unlinkToken(_ cell: Cell) {
    while true {
      let token = unsafe cell.record.pointee.token.load(ordering: .acquiring)
      if token == 0 { return }
      AnchorLocks.shared.lock(of: token)
      let isLinked = unsafe cell.record.pointee.token.load(ordering: .relaxed) == token
      if isLinked { Self.withAnchor(token) { $0.unlinkToken(cell) } }
      AnchorLocks.shared.unlock(of: token)
      if isLinked { return }
    }
  }

  /// Under the anchor's lock, for an anchor that has a cell on a list: it exists, though its end may have begun.
  @inline(__always)
  private static func withAnchor(_ address: UInt, _ body: (FinalizationAnchor) -> Void) {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return }
    // SAFETY: its deinit waits for this lock before it ends. Without a retain, which a dying object forbids.
    unsafe Unmanaged<FinalizationAnchor>.fromOpaque(pointer)._withUnsafeGuaranteedRef { body($0) }
  }

  /// After a claimed cell's held value is out and its token unlinked: the cell goes back to the pool, now or
  /// when the queue's reader comes to it.
  @inline(__always)
  func finish(_ cell: Cell) {
    if unlink(cell) || cell.set(CellRecord.Flags.left, andTest: CellRecord.Flags.dequeued) { retire(cell) }
  }

  /// Runs the cleanup of a claimed cell whose target may be alive, on this thread.
  func cleanUpNow(_ cell: Cell) throws {
    if unlink(cell) { return try cleanUp(cell) }
    // Its target died and it is queued: the queue's reader finds it claimed, maybe at this moment.
    defer { if cell.set(CellRecord.Flags.left, andTest: CellRecord.Flags.dequeued) { retire(cell) } }
    try cleanUpQueued(cell)
  }

  // MARK: The queue

  /// Takes the cell of a target that died. The caller then calls ``DeliveringThread/deliverPending()``.
  func enqueue(_ cell: Cell) {
    if delivery.isInline {
      let session = epochNow
      unsafe cell.record.pointee.session = session
      beginSession(session)
      DeliveringThread.append(cell)
    } else if push(cell), !delivery.isManual || isOrphaned.load(ordering: .sequentiallyConsistent) {
      schedule()
    }
  }

  /// - Returns: whether nothing was there.
  func push(_ cell: Cell) -> Bool {
    var head = ready.load(ordering: .relaxed)
    while true {
      cell.queueNext = Cell(address: head)
      let (exchanged, original) = ready.weakCompareExchange(
        expected: head, desired: cell.address, successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed)
      if exchanged { return head == 0 }
      head = original
    }
  }

  private func pop() -> Cell? {
    queueLock.lock()
    defer { queueLock.unlock() }
    if unsafe taken == nil {
      var pushed = Cell(address: ready.exchange(0, ordering: .sequentiallyConsistent))
      while let cell = pushed {
        pushed = cell.queueNext
        cell.queueNext = unsafe taken
        unsafe taken = cell
      }
    }
    let cell = unsafe taken
    unsafe taken = cell?.queueNext
    return cell
  }

  func schedule() {
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
    while deliverQueued(limit: 256, using: { try cleanUp($0) }, failing: { report($0) }) {}
  }

  /// Delivers queued cells, at most `limit`.
  /// - Returns: whether there may be more.
  func deliverQueued(limit: Int, using cleanUp: (Cell) throws -> Void, failing: (any Error) -> Void) -> Bool {
    let session = epochNow
    beginSession(session)
    defer { endSession(session) }
    for _ in 0..<limit {
      guard let cell = pop() else { return false }
      do { try deliver(cell, using: cleanUp) } catch { failing(error) }
    }
    return true
  }

  /// Delivers a cell that came off the queue.
  private func deliver(_ cell: Cell, using cleanUp: (Cell) throws -> Void) throws {
    if cell.isMark {
      // Its owner waits for it.
      _ = cell.set(CellRecord.Flags.isReached, andTest: 0)
    } else if Cell.claim(cell.entry, key: cell.key) {
      unlinkToken(cell)
      try cleanUp(cell)
    } else if cell.set(CellRecord.Flags.dequeued, andTest: CellRecord.Flags.left) {
      retire(cell)
    }
  }

  /// Delivers a cell from the thread's pending list.
  func deliverInline(_ cell: Cell) {
    do { try deliverPending(cell) { try self.cleanUp($0) } } catch { report(error) }
  }

  private func deliverPending(_ cell: Cell, using cleanUp: (Cell) throws -> Void) throws {
    // The cell is somebody else's once it is delivered.
    let session = unsafe cell.record.pointee.session
    defer { endSession(session) }
    try deliver(cell, using: cleanUp)
  }

  /// Delivers everything that is due: the deaths that were reported, and those that a sweep finds.
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

  /// Delivers everything that is due; nobody hears of errors but the registry's handler.
  func drainReporting() {
    do { try drain { try self.cleanUp($0) } } catch let failures as CleanupFailures {
      for error in failures.errors { report(error) }
    } catch {
      report(error)
    }
  }

  /// The registry object is gone: what is due is delivered, what is pending goes on without it.
  func orphan() {
    isOrphaned.store(true, ordering: .sequentiallyConsistent)
    if delivery.isManual { drainReporting() }
    if pool.orphan() { unsafe Unmanaged.passUnretained(self).release() }
  }
}
