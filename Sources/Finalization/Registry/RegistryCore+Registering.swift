// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

extension RegistryCore {
  /// Begins a registration in both books.
  /// - Returns: the place of its held value. The caller initialises it and then calls `link`.
  @usableFromInline
  func begin(byteCount: Int, site: SiteID) throws(FinalizationError) -> HeldValueStorage {
    let slot = ThreadStorage.slot
    if byteCount < 0 || byteCount > LedgerEntry.largestByteCount {
      throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(site))
    }
    while true {
      if let cell = stripes.begin(byteCount: byteCount, site: site, slot: slot) { return stripes.held(cell) }
      do throws(LedgerError) { try pool.refill(self) } catch {
        throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
      }
    }
  }

  /// The error for a target without an anchor that is in its deinit.
  @usableFromInline
  func refusedDying(_ site: SiteID) -> FinalizationError {
    FinalizationError(.targetIsDying, site: Ledger.shared.site(site))
  }

  /// Links a registration that has no token, or whose token is its target. From then on other threads can find it.
  @usableFromInline
  func link(
    _ held: HeldValueStorage, anchor: FinalizationAnchor, target: AnyObject, isOwnToken: Bool
  ) throws(FinalizationError) -> RegistrationKey {
    let cell = stripes.cell(at: held)
    let object = unsafe UInt(bitPattern: Unmanaged.passUnretained(target).toOpaque())
    guard anchor.belongs(to: object) else { throw refusedAnchor(cell) }
    // Read before the cell is on a list: from then on other threads may end the registration.
    let key = RegistrationKey(entry: cell.entry, key: cell.key)
    unsafe cell.record.pointee.flags.store(isOwnToken ? CellRecord.Flags.isOwnToken : 0, ordering: .relaxed)
    unsafe cell.record.pointee.order = ExitOrder(ExitRuns.clock, DeliveringThread.countRegistration())
    let address = anchor.address
    locks.lock(of: address)
    anchor.linkTarget(cell)
    locks.unlock(of: address)
    return key
  }

  /// The same with a token that may be any object.
  @usableFromInline
  func link(
    _ held: HeldValueStorage, anchor: FinalizationAnchor, target: AnyObject, token: AnyObject?
  ) throws(FinalizationError) -> RegistrationKey {
    guard let token, token !== target else {
      return try link(held, anchor: anchor, target: target, isOwnToken: token != nil)
    }
    // No call can unregister with a token that is in its deinit.
    guard let tokenAnchor = WatchTable.shared.anchor(for: token) else {
      return try link(held, anchor: anchor, target: target, isOwnToken: false)
    }
    // The target is linked first: a thread that finds the cell by its token must find it on its target's list, too.
    let key = try link(held, anchor: anchor, target: target, isOwnToken: false)
    let cell = stripes.cell(at: held)
    locks.lock(of: tokenAnchor.address)
    tokenAnchor.linkToken(cell)
    locks.unlock(of: tokenAnchor.address)
    return key
  }

  /// Undoes the beginning of a registration whose anchor belongs to another object.
  @inline(never)
  private func refusedAnchor(_ cell: Cell) -> FinalizationError {
    let site = Ledger.shared.site(cell.entry.site)
    if let drop = heldValues.drop { drop(stripes.held(cell)) }
    retire(cell)
    return FinalizationError(.anchorIsShared, site: site)
  }

  /// Ends every registration of this registry that was made with this token.
  @usableFromInline
  func unregister(_ token: FinalizationAnchor) -> Bool {
    var claimed = claimAll(withToken: token)
    let isAny = claimed != nil
    while let cell = claimed {
      // Read before `drop`, which gives the cell away.
      claimed = unsafe cell.record.pointee.tokenNext
      drop(cell)
    }
    return isAny
  }
}

/// Identifies a registration: its ledger entry, and the state word with which its life in that entry began.
@usableFromInline
struct RegistrationKey: Sendable {
  let entry: LedgerEntry
  let key: EntryWord
}
