// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

/// The part of a ``CellPool`` that every registration uses: the stripes, one for each thread slot. It consists of plain
/// pointers, so that its use counts no references.
// SAFETY: the pool owns the memory and outlives its users; a stripe changes under its lock.
@safe struct PoolStripes: @unchecked Sendable {
  struct Stripe: ~Copyable {
    var isOrphaned = false
    var freeCount = 0
    var free: Cell?
    /// Registrations begun on this stripe less those ended on it; negative if more ended on it than began.
    var count = 0
    /// Exact: many registrations of up to 2^48 bytes can have more bytes than an `Int` can hold.
    var byteCount: Int128 = 0
  }

  private let perThread: PerThread<Stripe>
  /// Gets the free cells that a stripe has too many of.
  private let depot: Unmanaged<CellDepot>
  /// Registrations that are left of a registry that is gone, all stripes together. When it becomes 0, the core is
  /// released.
  private let orphans: UnsafeMutablePointer<Atomic<Int>>

  init(depot: CellDepot) {
    unsafe self.depot = Unmanaged.passUnretained(depot)
    perThread = PerThread(.registryStripe) { Stripe() }
    unsafe orphans = .allocate(capacity: 1)
    unsafe orphans.initialize(to: Atomic(0))
  }

  func deallocate() {
    perThread.deallocate()
    unsafe orphans.deinitialize(count: 1)
    unsafe orphans.deallocate()
  }

  // MARK: Taking and returning

  /// Begins a registration in both books.
  /// - Returns: its cell, which is on no list yet; nil if the stripe has no free cell.
  @inline(__always)
  func begin(byteCount: Int, site: SiteID) -> Cell? {
    let (slot, scope) = ThreadStorage.slotAndScope
    let stripe = unsafe perThread.lock(slot)
    guard let cell = unsafe stripe.pointee.value.free else {
      unsafe perThread.unlock(slot, stripe)
      return nil
    }
    unsafe stripe.pointee.value.free = cell.queueNext
    unsafe stripe.pointee.value.freeCount &-= 1
    unsafe stripe.pointee.value.count &+= 1
    unsafe stripe.pointee.value.byteCount &+= Int128(byteCount)
    unsafe cell.record.pointee.byteCount = byteCount
    let entry = cell.entry
    entry.capacity = byteCount
    entry.cleanupStart = 0
    cell.key = entry.beginLife(byteCount: byteCount, site: site, scope: scope)
    unsafe perThread.unlock(slot, stripe)
    return cell
  }

  /// Ends a registration in both books. The caller claimed the cell, took it off all lists and moved the
  /// held value out.
  /// - Returns: whether it was the last registration of a registry that is gone.
  @inline(__always)
  func retire(_ cell: Cell) -> Bool {
    let slot = ThreadStorage.slot
    let byteCount = unsafe cell.record.pointee.byteCount
    var surplus: Cell?
    let stripe = unsafe perThread.lock(slot)
    unsafe stripe.pointee.value.count &-= 1
    unsafe stripe.pointee.value.byteCount &-= Int128(byteCount)
    // If the entry has had its last generation, its cell is not used again.
    if cell.entry.endLife(as: .free) {
      cell.queueNext = unsafe stripe.pointee.value.free
      unsafe stripe.pointee.value.free = cell
      unsafe stripe.pointee.value.freeCount &+= 1
      if unsafe stripe.pointee.value.freeCount > 2 * CellDepot.batch {
        surplus = unsafe Self.takeBatch(from: &stripe.pointee.value)
      }
    }
    let isOrphaned = unsafe stripe.pointee.value.isOrphaned
    unsafe perThread.unlock(slot, stripe)
    if let surplus { unsafe depot._withUnsafeGuaranteedRef { $0.add(surplus) } }
    guard isOrphaned else { return false }
    return unsafe orphans.pointee.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
  }

  /// Takes 64 cells off the stripe's list. The caller holds the stripe's lock.
  @inline(never)
  private static func takeBatch(from stripe: inout Stripe) -> Cell? {
    let first = stripe.free
    var last = first
    for _ in 1..<CellDepot.batch { last = last?.queueNext }
    stripe.free = last?.queueNext
    stripe.freeCount -= CellDepot.batch
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
    let slot = ThreadStorage.slot
    let stripe = unsafe perThread.lock(slot)
    last.queueNext = unsafe stripe.pointee.value.free
    unsafe stripe.pointee.value.free = chain
    unsafe stripe.pointee.value.freeCount += count
    unsafe perThread.unlock(slot, stripe)
  }

  // MARK: The book

  /// The registry's count of its registrations. The caller holds the locks of all stripes.
  var census: ExactCensus {
    var census = ExactCensus(count: 0, byteCount: 0)
    perThread.forEach {
      census.count += $0.count
      census.byteCount += $0.byteCount
    }
    return census
  }

  func lockAll() { perThread.lockAll() }
  func unlockAll() { perThread.unlockAll() }

  /// Called when the registry is gone, after which no registration is added.
  /// - Returns: whether no registration is left.
  func orphan() -> Bool {
    lockAll()
    defer { unlockAll() }
    perThread.forEach { $0.isOrphaned = true }
    let count = census.count
    unsafe orphans.pointee.store(count, ordering: .relaxed)
    return count == 0
  }
}
