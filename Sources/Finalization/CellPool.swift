import Glibc
import ResourceLedger
import Synchronization

/// A registry's cells, and its count of registrations: the registry's own book beside the ledger's.
///
/// Cells and their ledger entries are set aside together, 64 at a time, and stay together until the pool is
/// gone. A free cell waits in one of 16 stripes; a thread keeps to its own stripe, so threads seldom
/// meet and a thread that ends leaves nothing behind. A stripe that has more than 128 free cells hands 64 to the
/// depot, where the others find them.
///
/// A registration enters and leaves both books under its stripe's lock: with all 16 held they are equal.
@safe final class CellPool: @unchecked Sendable, SteadyDomain {
  // SAFETY: stripes change under their lock, `depot` and `slabs` under `depotLock`.

  struct Stripe: ~Copyable {
    let lock = SpinLock()
    var isOrphaned = false
    var freeCount = 0
    var free: Cell?
    /// Registrations begun less ended on this stripe; negative where other threads begin them.
    var count = 0
    var byteCount = 0
  }

  let name: String
  let domain: DomainID
  private let stripes: UnsafeMutablePointer<Stripe>
  private let cellStride: Int
  /// Registrations of a registry that is gone; 0 ends its core.
  private let orphans = Atomic<Int>(0)

  private let depotLock = ForkSafeLock()
  /// Chains of 64 free cells, by their first.
  private var depot: [Cell] = []
  private var slabs: [UnsafeMutableRawPointer] = unsafe []
  private var cells: [LedgerEntry] = []

  static let stripeCount = 16
  private static let batch = 64
  private static let cacheLine = 64

  init(name: String, heldSize: Int, heldAlignment: Int) {
    precondition(MemoryLayout<Stripe>.size <= Self.cacheLine)
    self.name = name
    domain = RegistryDomains.add(name)
    let alignment = max(Self.cacheLine, heldAlignment)
    let size = Cell.heldOffset(for: heldAlignment) + heldSize
    cellStride = (size + alignment - 1) & ~(alignment - 1)
    // A stripe per cache line: strides of 64 bytes, at 64.
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Self.stripeCount * Self.cacheLine, alignment: Self.cacheLine)
    // SAFETY: a stripe fits into the 64 bytes that are its own.
    unsafe stripes = memory.assumingMemoryBound(to: Stripe.self)
    for index in 0..<Self.stripeCount { unsafe stripe(index).initialize(to: Stripe()) }
    ForkSafety.add(self)
    ResourceDomains.list(self, as: domain)
  }

  deinit {
    ForkSafety.remove(self)
    ResourceDomains.unlist(domain)
    for entry in cells { Ledger.shared.releaseEntry(entry) }
    unsafe slabs.forEach { unsafe $0.deallocate() }
    for index in 0..<Self.stripeCount { unsafe stripe(index).deinitialize(count: 1) }
    unsafe UnsafeMutableRawPointer(stripes).deallocate()
    RegistryDomains.remove(domain)
  }

  @inline(__always)
  private func stripe(_ index: Int) -> UnsafeMutablePointer<Stripe> {
    // SAFETY: strides of a cache line, as allocated above.
    unsafe (UnsafeMutableRawPointer(stripes) + index * Self.cacheLine).assumingMemoryBound(to: Stripe.self)
  }

  @inline(__always)
  private var ownStripe: UnsafeMutablePointer<Stripe> { unsafe stripe(DeliveringThread.number & (Self.stripeCount - 1)) }

  // MARK: Taking and returning

  /// A cell whose registration has begun in both books, linked to nothing yet.
  @inline(__always)
  func reserve(byteCount: Int, site: SiteID, core: RegistryCore) throws(LedgerError) -> Cell {
    let stripe = unsafe ownStripe
    unsafe stripe.pointee.lock.lock()
    guard let cell = unsafe stripe.pointee.free else {
      unsafe stripe.pointee.lock.unlock()
      return begin(try refill(core), byteCount: byteCount, site: site)
    }
    unsafe stripe.pointee.free = cell.queueNext
    unsafe stripe.pointee.freeCount -= 1
    unsafe begin(cell, byteCount: byteCount, site: site, on: stripe)
    unsafe stripe.pointee.lock.unlock()
    return cell
  }

  private func begin(_ cell: Cell, byteCount: Int, site: SiteID) -> Cell {
    let stripe = unsafe ownStripe
    unsafe stripe.pointee.lock.lock()
    unsafe begin(cell, byteCount: byteCount, site: site, on: stripe)
    unsafe stripe.pointee.lock.unlock()
    return cell
  }

  /// Under the stripe's lock.
  @inline(__always)
  private func begin(_ cell: Cell, byteCount: Int, site: SiteID, on stripe: UnsafeMutablePointer<Stripe>) {
    unsafe stripe.pointee.count += 1
    unsafe stripe.pointee.byteCount += byteCount
    let entry = cell.entry
    entry.capacity = byteCount
    unsafe cell.record.pointee.byteCount = byteCount
    unsafe cell.record.pointee.key = entry.beginLife(
      byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource)
  }

  /// Ends a registration in both books. The caller claimed the cell, took it off all lists and moved the
  /// held value out.
  /// - Returns: whether it was the last one of a registry that is gone.
  @inline(__always)
  func retire(_ cell: Cell) -> Bool {
    let stripe = unsafe ownStripe
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
    if let surplus { depotLock.withLock { depot.append(surplus) } }
    return isOrphaned && orphans.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
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

  // MARK: More cells

  /// One free cell; the rest of its batch goes to this thread's stripe.
  @inline(never)
  private func refill(_ core: RegistryCore) throws(LedgerError) -> Cell {
    depotLock.lock()
    let chain = depot.popLast()
    depotLock.unlock()
    let first = if let chain { chain } else { try makeCells(core) }
    guard let rest = first.queueNext else { return first }
    var last = rest
    var count = 1
    while let next = last.queueNext {
      last = next
      count += 1
    }
    let stripe = unsafe ownStripe
    unsafe stripe.pointee.lock.lock()
    last.queueNext = unsafe stripe.pointee.free
    unsafe stripe.pointee.free = rest
    unsafe stripe.pointee.freeCount += count
    unsafe stripe.pointee.lock.unlock()
    return first
  }

  /// A chain of new cells: 64, or as many as the ledger has entries for.
  private func makeCells(_ core: RegistryCore) throws(LedgerError) -> Cell {
    depotLock.lock()
    defer { depotLock.unlock() }
    var entries: [LedgerEntry] = []
    let classification = LedgerEntry.Classification(domain: domain, bucket: 0)
    entries.append(try Ledger.shared.acquireEntry(classification))
    while entries.count < Self.batch, let entry = try? Ledger.shared.acquireEntry(classification) {
      entries.append(entry)
    }
    let slab = UnsafeMutableRawPointer.allocate(
      byteCount: entries.count * cellStride, alignment: Self.cacheLine)
    unsafe slabs.append(slab)
    cells += entries
    var chain: Cell?
    for (index, entry) in entries.enumerated().reversed() {
      // SAFETY: fresh memory of the right size and alignment, the cell's own.
      let record = unsafe (slab + index * cellStride).bindMemory(to: CellRecord.self, capacity: 1)
      unsafe record.initialize(to: CellRecord(entry: entry, core: core))
      let cell = unsafe Cell(record: record)
      entry.address = cell.address
      entry.alignmentLog2 = 6
      cell.queueNext = chain
      chain = cell
    }
    guard let chain else { throw LedgerError(.full(entryCapacity: Ledger.shared.entryCapacity)) }
    return chain
  }

  // MARK: The book

  func census() -> Census { withBooksHeld { unlockedCensus } }

  private var unlockedCensus: Census {
    var census = Census(count: 0, byteCount: 0)
    for index in 0..<Self.stripeCount {
      census.count += unsafe stripe(index).pointee.count
      census.byteCount += unsafe stripe(index).pointee.byteCount
    }
    return census
  }

  func withBooksHeld<R>(_ body: () throws -> R) rethrows -> R {
    lockAll()
    defer { unlockAll() }
    return try body()
  }

  func lockAll() { for index in 0..<Self.stripeCount { unsafe stripe(index).pointee.lock.lock() } }
  func unlockAll() { for index in 0..<Self.stripeCount { unsafe stripe(index).pointee.lock.unlock() } }

  /// Says that no registration will be added: the registry is gone.
  /// - Returns: whether none is left.
  func orphan() -> Bool {
    withBooksHeld {
      for index in 0..<Self.stripeCount { unsafe stripe(index).pointee.isOrphaned = true }
      let count = unlockedCensus.count
      orphans.store(count, ordering: .relaxed)
      return count == 0
    }
  }
}

/// Ledger numbers of registries. Where the ledger has no record left, registries share one.
private enum RegistryDomains {
  private static let shared: DomainID =
    (try? Ledger.shared.addDomain(.finalizationRegistry, name: "other finalization registries"))
    ?? DomainID(rawValue: 0)

  static func add(_ name: String) -> DomainID {
    let spare = shared
    return (try? Ledger.shared.addDomain(.finalizationRegistry, name: name)) ?? spare
  }

  static func remove(_ domain: DomainID) {
    if domain != shared { Ledger.shared.removeDomain(domain) }
  }
}
