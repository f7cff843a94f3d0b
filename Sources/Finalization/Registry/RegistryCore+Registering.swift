// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

extension RegistryCore {
  /// Begins a registration in both books.
  /// - Returns: its cell. The caller initialises the held value and then calls `link`.
  @usableFromInline
  func begin(byteCount: Int, site: SiteID) throws(FinalizationError) -> Cell {
    if byteCount < 0 || byteCount > LedgerEntry.largestByteCount {
      throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(site))
    }
    while true {
      if let cell = stripes.begin(byteCount: byteCount, site: site) { return cell }
      OverdueDeliveries.retry()
      do throws(LedgerError) { try pool.refill(for: self) } catch {
        throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
      }
    }
  }

  /// The error for a target without an anchor that is in its deinit.
  @usableFromInline
  func refusedDying(_ site: SiteID) -> FinalizationError {
    FinalizationError(.targetIsDying, site: Ledger.shared.site(site))
  }

  /// Puts a cell on its target's list. From then on other threads can find it.
  /// - Parameter isOwnToken: whether the target is also the token. Otherwise there is no token.
  @usableFromInline
  func linkTarget(
    _ cell: Cell, anchor: FinalizationAnchor, target: AnyObject, isOwnToken: Bool
  ) throws(FinalizationError) -> RegistrationKey {
    let object = unsafe UInt(bitPattern: Unmanaged.passUnretained(target).toOpaque())
    guard anchor.belongs(to: object) else { throw refusedAnchor(cell) }
    // Read before the cell is on a list: from then on other threads may end the registration.
    let key = RegistrationKey(entry: cell.entry, key: cell.key)
    unsafe cell.record.pointee.flags.store(isOwnToken ? CellRecord.Flags.isOwnToken : 0, ordering: .relaxed)
    unsafe cell.record.pointee.order = .next()
    let address = anchor.address
    locks.lock(of: address)
    anchor.linkTarget(cell)
    locks.unlock(of: address)
    return key
  }

  /// The same for a token that may be any object, or nil.
  @usableFromInline
  func link(
    _ cell: Cell, anchor: FinalizationAnchor, target: AnyObject, token: AnyObject?
  ) throws(FinalizationError) -> RegistrationKey {
    if token == nil || token === target {
      return try linkTarget(cell, anchor: anchor, target: target, isOwnToken: token != nil)
    }
    // A token that is in its deinit has no anchor: no call can unregister with it.
    let tokenAnchor = token.flatMap { WatchTable.anchor(of: $0) }
    // The target is linked first: a thread that finds the cell by its token must find it on its target's list, too.
    let key = try linkTarget(cell, anchor: anchor, target: target, isOwnToken: false)
    if let tokenAnchor {
      locks.withLock(of: tokenAnchor.address) { tokenAnchor.linkToken(cell) }
    }
    return key
  }

  /// Undoes the beginning of a registration whose anchor belongs to another object.
  @inline(never)
  private func refusedAnchor(_ cell: Cell) -> FinalizationError {
    let site = Ledger.shared.site(cell.entry.site)
    if let drop = heldValues.drop { drop(cell) }
    retire(cell)
    return FinalizationError(.anchorIsShared, site: site)
  }

  // MARK: Unregistering

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

  /// Claims every cell of this registry that has the anchor's object as its token.
  /// - Returns: the cells, chained by `tokenNext`. They are off the token's list; if the token is the target, they are
  ///   off the target's list.
  private func claimAll(withToken anchor: FinalizationAnchor) -> Cell? {
    let address = anchor.address
    locks.lock(of: address)
    defer { locks.unlock(of: address) }
    var claimed: Cell?
    var target = Cell(address: anchor.targets.load(ordering: .relaxed))
    while let cell = target {
      target = unsafe cell.record.pointee.targetNext
      guard cell.isOwnToken, cell.belongs(to: self), cell.claim() else { continue }
      anchor.unlinkTarget(cell)
      unsafe cell.record.pointee.tokenNext = claimed
      claimed = cell
      // The object is alive, so the cell is not queued. The flag tells `drop` that the cell is off its target's list.
      cell.markUnlinked()
    }
    var token = Cell(address: anchor.tokens.load(ordering: .relaxed))
    while let cell = token {
      token = unsafe cell.record.pointee.tokenNext
      guard cell.belongs(to: self), cell.claim() else { continue }
      anchor.unlinkToken(cell)
      unsafe cell.record.pointee.tokenNext = claimed
      claimed = cell
    }
    return claimed
  }

  // MARK: The end of a registration

  /// Ends a claimed registration without its cleanup.
  @inline(__always)
  private func drop(_ cell: Cell) {
    if let drop = heldValues.drop { drop(cell) }
    finish(cell)
  }

  /// Gives a claimed cell, without its held value, back to the pool: now, or when the queue's reader takes it from the
  /// queue.
  @inline(__always)
  func finish(_ cell: Cell) {
    if unlink(cell) || cell.set(CellRecord.Flags.left, andTest: CellRecord.Flags.dequeued) { retire(cell) }
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

  /// Ends a registration in both books. After that the caller must not use the cell, and the core may be gone.
  @inline(__always)
  func retire(_ cell: Cell) {
    if stripes.retire(cell) { unsafe Unmanaged.passUnretained(self).release() }
  }
}

extension Cell {
  /// Gives a claimed cell, without its held value, back to its registry. After that the caller must not use the cell.
  ///
  /// Does not retain the core, since all threads would share its count: the claimed cell keeps it alive.
  @usableFromInline
  func finish() { withCore { $0.finish(self) } }
}
