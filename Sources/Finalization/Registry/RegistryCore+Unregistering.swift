import ResourceLedger
import Synchronization

extension RegistryCore {
  /// Claims every cell of this registry that has the anchor's object as its token.
  /// - Returns: a chain by `tokenNext`; the cells are off the token's list, and off the target's where it is
  ///   the token.
  func claimAll(withToken anchor: FinalizationAnchor) -> Cell? {
    let address = anchor.address
    locks.lock(of: address)
    defer { locks.unlock(of: address) }
    var claimed: Cell?
    var target = Cell(address: anchor.targets.load(ordering: .relaxed))
    while let cell = target {
      target = unsafe cell.record.pointee.targetNext
      guard cell.isOwnToken, cell.belongs(to: self), Cell.claim(cell.entry, key: cell.key) else { continue }
      anchor.unlinkTarget(cell)
      unsafe cell.record.pointee.tokenNext = claimed
      claimed = cell
      // The object is alive, so nobody queued the cell; that it is unlinked says so to `drop`.
      cell.markUnlinked()
    }
    var token = Cell(address: anchor.tokens.load(ordering: .relaxed))
    while let cell = token {
      token = unsafe cell.record.pointee.tokenNext
      guard cell.belongs(to: self), Cell.claim(cell.entry, key: cell.key) else { continue }
      anchor.unlinkToken(cell)
      unsafe cell.record.pointee.tokenNext = claimed
      claimed = cell
    }
    return claimed
  }

  /// Ends a claimed registration without its cleanup.
  @inline(__always)
  func drop(_ cell: Cell) {
    if let drop = heldValues.drop { drop(stripes.held(cell)) }
    finish(cell)
  }
}
