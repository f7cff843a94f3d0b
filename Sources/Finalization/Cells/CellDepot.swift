// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Makes a pool's cells, and keeps those that a stripe has too many of.
// SAFETY: `chains` and `slabs` change under `lock`, and in `close`, when no other thread uses the depot.
@safe final class CellDepot: @unchecked Sendable {
  /// How many cells are made at a time, and how many move between the depot and a stripe at a time.
  static let batch = 64
  private static let cacheLine = 64

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
    self.alignment = max(Self.cacheLine, alignment)
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
  func take(for owner: CellOwner) throws(LedgerError) -> Cell {
    Ledger.refreshClock()
    lock.lock()
    defer { lock.unlock() }
    if let chain = chains.popLast() { return chain }
    var fresh: [LedgerEntry] = []
    let classification = LedgerEntry.Classification(domain: domain, bucket: 0)
    fresh.append(try Ledger.shared.acquireEntry(classification))
    while fresh.count < Self.batch, let entry = try? Ledger.shared.acquireEntry(classification) {
      fresh.append(entry)
    }
    let slab = unsafe Slab(
      base: .allocate(byteCount: fresh.count * stride, alignment: alignment), count: fresh.count)
    slabs.append(slab)
    var chain = unsafe makeCell(at: slab.base + (fresh.count - 1) * stride, fresh[fresh.count - 1], owner)
    for index in (0..<fresh.count - 1).reversed() {
      let cell = unsafe makeCell(at: slab.base + index * stride, fresh[index], owner)
      cell.queueNext = chain
      chain = cell
    }
    return chain
  }

  private func cell(_ index: Int, of slab: Slab) -> Cell {
    // SAFETY: the cells of a slab are made when the slab is.
    unsafe Cell(record: (slab.base + index * stride).assumingMemoryBound(to: CellRecord.self))
  }

  private func makeCell(at address: UnsafeMutableRawPointer, _ entry: LedgerEntry, _ owner: CellOwner) -> Cell {
    // SAFETY: fresh memory of the right size and alignment, which belongs to this cell.
    let record = unsafe address.bindMemory(to: CellRecord.self, capacity: 1)
    unsafe record.initialize(to: CellRecord(entry: entry, owner: owner))
    let cell = unsafe Cell(record: record)
    entry.address = cell.address
    entry.alignmentLog2 = 6
    return cell
  }
}
