import ResourceLedger
import Synchronization

/// The stripes of a ``CellPool``, and where its cells keep their held values: what every registration
/// touches, as plain pointers, so that none of it is reference-counted.
@safe struct PoolStripes: @unchecked Sendable {
  // SAFETY: the pool owns the memory and outlives its users; a stripe changes under its lock.

  struct Stripe: ~Copyable {
    let lock = SpinLock()
    var isOrphaned = false
    var freeCount = 0
    var free: Cell?
    /// Registrations begun less ended on this stripe; negative where other threads begin them.
    var count = 0
    var byteCount = 0
    /// Registrations of a registry that is gone, all stripes together, in the first one; 0 ends its core.
    let orphans = Atomic<Int>(0)
  }

  static let count = 16
  static let batch = 64
  static let cacheLine = 64

  private let base: UnsafeMutableRawPointer
  let heldOffset: Int
  /// Takes free cells that a stripe has too many of.
  private let depot: Unmanaged<CellDepot>

  init(heldOffset: Int, depot: CellDepot) {
    precondition(MemoryLayout<Stripe>.size <= Self.cacheLine)
    self.heldOffset = heldOffset
    unsafe self.depot = Unmanaged.passUnretained(depot)
    unsafe base = .allocate(byteCount: Self.count * Self.cacheLine, alignment: Self.cacheLine)
    for index in 0..<Self.count { unsafe stripe(index).initialize(to: Stripe()) }
  }

  func deallocate() {
    for index in 0..<Self.count { unsafe stripe(index).deinitialize(count: 1) }
    unsafe base.deallocate()
  }

  @inline(__always)
  private func stripe(_ index: Int) -> UnsafeMutablePointer<Stripe> {
    // SAFETY: a cache line each, as allocated above.
    unsafe (base + index * Self.cacheLine).assumingMemoryBound(to: Stripe.self)
  }

  @inline(__always)
  private var own: UnsafeMutablePointer<Stripe> { unsafe stripe(DeliveringThread.number & (Self.count - 1)) }

  /// Where a cell's held value is.
  @inline(__always)
  func held(_ cell: Cell) -> HeldSlot { unsafe HeldSlot(UnsafeMutableRawPointer(cell.record) + heldOffset) }

  @inline(__always)
  func cell(at held: HeldSlot) -> Cell {
    // SAFETY: the inverse of `held`.
    unsafe Cell(record: (held.address - heldOffset).assumingMemoryBound(to: CellRecord.self))
  }

  // MARK: Taking and returning

  /// A cell whose registration has begun in both books, linked to nothing yet; nil where the stripe has none.
  @inline(__always)
  func begin(byteCount: Int, site: SiteID) -> Cell? {
    let stripe = unsafe own
    unsafe stripe.pointee.lock.lock()
    guard let cell = unsafe stripe.pointee.free else {
      unsafe stripe.pointee.lock.unlock()
      return nil
    }
    unsafe stripe.pointee.free = cell.queueNext
    unsafe stripe.pointee.freeCount -= 1
    unsafe stripe.pointee.count += 1
    unsafe stripe.pointee.byteCount += byteCount
    unsafe cell.record.pointee.byteCount = byteCount
    let entry = cell.entry
    entry.capacity = byteCount
    unsafe cell.record.pointee.key = entry.beginLife(
      byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource)
    unsafe stripe.pointee.lock.unlock()
    return cell
  }

  /// Ends a registration in both books. The caller claimed the cell, took it off all lists and moved the
  /// held value out.
  /// - Returns: whether it was the last one of a registry that is gone.
  @inline(__always)
  func retire(_ cell: Cell) -> Bool {
    let stripe = unsafe own
    let byteCount = unsafe cell.record.pointee.byteCount
    var surplus: Cell?
    unsafe stripe.pointee.lock.lock()
    unsafe stripe.pointee.count -= 1
    unsafe stripe.pointee.byteCount -= byteCount
    // An entry that had its last generation leaves the pool with its cell.
    if cell.entry.endLife(as: .free) {
      cell.queueNext = unsafe stripe.pointee.free
      unsafe stripe.pointee.free = cell
      unsafe stripe.pointee.freeCount += 1
      if unsafe stripe.pointee.freeCount > 2 * Self.batch { surplus = unsafe takeBatch(from: stripe) }
    }
    let isOrphaned = unsafe stripe.pointee.isOrphaned
    unsafe stripe.pointee.lock.unlock()
    if let surplus { unsafe depot._withUnsafeGuaranteedRef { $0.add(surplus) } }
    guard isOrphaned else { return false }
    return unsafe self.stripe(0).pointee.orphans.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
  }

  /// Under the stripe's lock.
  @inline(never)
  private func takeBatch(from stripe: UnsafeMutablePointer<Stripe>) -> Cell? {
    let first = unsafe stripe.pointee.free
    var last = first
    for _ in 1..<Self.batch { last = last?.queueNext }
    unsafe stripe.pointee.free = last?.queueNext
    unsafe stripe.pointee.freeCount -= Self.batch
    last?.queueNext = nil
    return first
  }

  /// Gives this thread's stripe a chain of free cells.
  func add(_ chain: Cell) {
    var last = chain
    var count = 1
    while let next = last.queueNext {
      last = next
      count += 1
    }
    let stripe = unsafe own
    unsafe stripe.pointee.lock.lock()
    last.queueNext = unsafe stripe.pointee.free
    unsafe stripe.pointee.free = chain
    unsafe stripe.pointee.freeCount += count
    unsafe stripe.pointee.lock.unlock()
  }

  // MARK: The book

  /// With all stripes locked.
  var census: Census {
    var census = Census(count: 0, byteCount: 0)
    for index in 0..<Self.count {
      census.count += unsafe stripe(index).pointee.count
      census.byteCount += unsafe stripe(index).pointee.byteCount
    }
    return census
  }

  func lockAll() { for index in 0..<Self.count { unsafe stripe(index).pointee.lock.lock() } }
  func unlockAll() { for index in 0..<Self.count { unsafe stripe(index).pointee.lock.unlock() } }

  /// Says that no registration will be added: the registry is gone.
  /// - Returns: whether none is left.
  func orphan() -> Bool {
    lockAll()
    defer { unlockAll() }
    for index in 0..<Self.count { unsafe stripe(index).pointee.isOrphaned = true }
    let count = census.count
    unsafe stripe(0).pointee.orphans.store(count, ordering: .relaxed)
    return count == 0
  }
}
