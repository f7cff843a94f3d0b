// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Owns a registry's cells, and counts its registrations: the registry's own book beside the ledger.
///
/// Cells are made together with their ledger entries, 64 at a time, and keep them until the pool is gone. A free cell
/// waits in the stripe of a thread slot. Only the slot's thread takes cells from that stripe; when the thread has
/// ended, the next thread with that slot does. A stripe that has more than 128 free cells gives 64 of them to the
/// depot, from which every stripe may take them.
///
/// A registration enters and leaves both books under a stripe's lock: while all stripes are locked, the books are
/// equal.
final class CellPool: Sendable {
  let depot: CellDepot
  let stripes: PoolStripes
  let deaths = DeathQueue()
  let books: RegistryBooks
  private let number: RegistryNumber

  init(name: String, heldSize: Int, heldAlignment: Int) {
    number = RegistryNumber(name)
    let offset = Cell.heldOffset(for: heldAlignment)
    depot = CellDepot(domain: number.id, cellSize: offset + heldSize, alignment: heldAlignment)
    stripes = PoolStripes(heldOffset: offset, depot: depot)
    books = RegistryBooks(name: name, domain: number.id, stripes: stripes, deaths: deaths)
    ResourceDomains.list(books, as: number.id, sharesID: number.isShared)
  }

  deinit {
    ResourceDomains.unlist(books)
    books.close()
    depot.close()
    stripes.deallocate()
    number.giveBack()
  }

  /// Gives this thread's stripe free cells.
  func refill(_ core: RegistryCore) throws(LedgerError) { stripes.add(try depot.take(core)) }
}

/// A registry as a domain that counts itself. It is an object apart from the pool, because the list of domains refers
/// to it weakly, and weak references make every other use of an object slower.
// SAFETY: `stripes` is used and `isOpen` changes under `lock`; the pool closes this before it deallocates the stripes.
final class RegistryBooks: @unchecked Sendable, SteadyDomain, DeliveringDomain {
  let name: String
  let domain: DomainID
  private let stripes: PoolStripes
  private let deaths: DeathQueue
  private let lock = RankedLock(.registryBooks)
  private var isOpen = true

  init(name: String, domain: DomainID, stripes: PoolStripes, deaths: DeathQueue) {
    self.name = name
    self.domain = domain
    self.stripes = stripes
    self.deaths = deaths
  }

  var waitingCount: Int { deaths.count }

  func close() { lock.withLock { isOpen = false } }

  func census() -> Census { Census(clamping: withBooksHeld { $0 }) }

  func withBooksHeld<R>(_ body: (ExactCensus) throws -> R) rethrows -> R {
    try lock.withLock {
      guard isOpen else { return try body(ExactCensus(count: 0, byteCount: 0)) }
      stripes.lockAll()
      defer { stripes.unlockAll() }
      return try body(stripes.census)
    }
  }
}

/// Makes a pool's cells, and keeps those that a stripe has too many of.
// SAFETY: `chains` and `slabs` change under `lock`, and in `close`, when no other thread uses the depot.
@safe final class CellDepot: @unchecked Sendable {
  private let lock = RankedLock(.cellDepot)
  private let domain: DomainID
  private let stride: Int
  private let alignment: Int
  /// Chains of 64 free cells; each is named by its first cell.
  private var chains: [Cell] = []
  private var slabs: [Slab] = []

  /// One allocation, which holds `count` cells.
  // SAFETY: the depot owns the memory until `close`.
  @safe private struct Slab {
    let base: UnsafeMutableRawPointer
    let count: Int
  }

  init(domain: DomainID, cellSize: Int, alignment: Int) {
    self.domain = domain
    self.alignment = max(PoolStripes.cacheLine, alignment)
    stride = (cellSize + self.alignment - 1) & ~(self.alignment - 1)
  }

  /// Gives all entries and all memory back. No cell may be in use.
  func close() {
    for slab in slabs {
      for index in 0..<slab.count { Ledger.shared.releaseEntry(cell(index, of: slab).entry) }
      unsafe slab.base.deallocate()
    }
    slabs = []
  }

  func add(_ chain: Cell) { lock.withLock { chains.append(chain) } }

  /// Takes a chain of free cells: 64, or as many new ones as the ledger has entries for.
  /// - Throws: `LedgerError` if the depot has no chain and the ledger has no entry.
  @inline(never)
  func take(_ core: RegistryCore) throws(LedgerError) -> Cell {
    lock.lock()
    defer { lock.unlock() }
    if let chain = chains.popLast() { return chain }
    var fresh: [LedgerEntry] = []
    let classification = LedgerEntry.Classification(domain: domain, bucket: 0)
    fresh.append(try Ledger.shared.acquireEntry(classification))
    while fresh.count < PoolStripes.batch, let entry = try? Ledger.shared.acquireEntry(classification) {
      fresh.append(entry)
    }
    let slab = unsafe Slab(
      base: .allocate(byteCount: fresh.count * stride, alignment: alignment), count: fresh.count)
    slabs.append(slab)
    var chain = unsafe makeCell(at: slab.base + (fresh.count - 1) * stride, fresh[fresh.count - 1], core)
    for index in (0..<fresh.count - 1).reversed() {
      let cell = unsafe makeCell(at: slab.base + index * stride, fresh[index], core)
      cell.queueNext = chain
      chain = cell
    }
    return chain
  }

  private func cell(_ index: Int, of slab: Slab) -> Cell {
    // SAFETY: the cells of a slab are made when the slab is.
    unsafe Cell(record: (slab.base + index * stride).assumingMemoryBound(to: CellRecord.self))
  }

  private func makeCell(at address: UnsafeMutableRawPointer, _ entry: LedgerEntry, _ core: RegistryCore) -> Cell {
    // SAFETY: fresh memory of the right size and alignment, which belongs to this cell.
    let record = unsafe address.bindMemory(to: CellRecord.self, capacity: 1)
    unsafe record.initialize(to: CellRecord(entry: entry, core: core))
    let cell = unsafe Cell(record: record)
    entry.address = cell.address
    entry.alignmentLog2 = 6
    return cell
  }
}

/// A registry's domain number in the ledger. If the ledger has no domain record left, registries share one number.
struct RegistryNumber: Sendable {
  private static let spare = ForkSafeLazy {
    try? Ledger.shared.addDomain(.finalizationRegistry, name: "other finalization registries")
  }
  static func makeStatics() { ForkGuard.touch(spare) }

  let id: DomainID
  /// Nil if registries share the number.
  private let owned: OwnedDomain?

  init(_ name: String) {
    let spare = Self.spare.value
    owned = try? Ledger.shared.addDomain(.finalizationRegistry, name: name, isOneOfMany: true)
    id = owned?.id ?? spare?.id ?? .none
  }

  var isShared: Bool { owned == nil }

  /// Called after the last registration has ended, when no entry carries the number.
  func giveBack() { owned?.giveBack() }
}
