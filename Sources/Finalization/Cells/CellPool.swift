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
    depot = CellDepot(
      domain: number.id, cellSize: Cell.heldOffset(alignment: heldAlignment) + heldSize, alignment: heldAlignment)
    stripes = PoolStripes(depot: depot)
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
  func refill(for owner: CellOwner) throws(LedgerError) { stripes.add(try depot.take(for: owner)) }
}
