// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

extension RegistryCore {
  /// Claims every cell of this registry that has the anchor's object as its token.
  /// - Returns: the cells, chained by `tokenNext`. They are off the token's list; if the token is the target, they are
  ///   off the target's list.
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
      // The object is alive, so the cell is not queued. The flag tells `drop` that the cell is off its target's list.
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
