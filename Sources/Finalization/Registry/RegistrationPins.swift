import NativeSynchronization
import ResourceLedger

/// Holds registrations still for a few instructions. Who claims one meanwhile waits for that, so `fork` does, too: a child
/// has no thread that would end what another thread began.
enum RegistrationPins {
  private static let slots = PerThread(.pinning) { 0 }
  static func makeStatics() { ForkGuard.touch(slots) }

  /// - Returns: what `body`, which runs no code of a client, makes of the registration's cell; nil if the registration is
  ///   over.
  static func with<R>(_ registration: RegistrationKey, _ body: (Cell) -> R) -> R? {
    let slot = ThreadStorage.slot
    let lock = unsafe slots.lock(slot)
    defer { unsafe slots.unlock(slot, lock) }
    let entry = registration.entry
    guard entry.pin(key: registration.key) == .pinned else { return nil }
    defer { _ = entry.unpin() }
    return Cell(address: entry.address).map(body)
  }
}
