// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Identifies a registration: its ledger entry, and the state word with which its life in that entry began.
@usableFromInline
struct RegistrationKey: Sendable {
  let entry: LedgerEntry
  let key: EntryWord

  /// Whether the registration has not ended, and no thread has claimed it.
  var isPending: Bool { entry.isUsable(key: key) }

  /// Claims the registration.
  /// - Returns: its cell, which the caller now owns; nil if the registration is over or another thread claimed it.
  @usableFromInline
  func claim() -> Cell? { Cell.claim(entry, key: key) }
}

/// Pins registrations for a few instructions, so that their cells can be read. A thread that claims a pinned
/// registration waits until the pin ends. `fork` waits for pins, too, because in the child the pinning thread would not
/// exist, and the pin would never end.
enum RegistrationPins {
  private static let slots = PerThread(.pinning) { 0 }
  static func makeStatics() { ForkGuard.touch(slots) }

  /// Calls `body` with the registration's cell, pinned. `body` must not run a client's code.
  /// - Returns: what `body` returns; nil if the registration is over.
  static func with<R>(_ registration: RegistrationKey, _ body: (Cell) -> R) -> R? {
    let slot = ThreadStorage.slot
    let lock = unsafe slots.lock(slot)
    defer { unsafe slots.unlock(slot, lock) }
    let entry = registration.entry
    guard entry.pin(key: registration.key) == .pinned else { return nil }
    defer { _ = entry.unpin() }
    guard let cell = Cell(address: entry.address), cell.key == registration.key else { return nil }
    return body(cell)
  }
}
