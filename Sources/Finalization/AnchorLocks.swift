import Synchronization

/// The locks of all anchors: which one is an anchor's follows from its address, so that it can be taken
/// before it is known whether the anchor still exists.
// SAFETY: allocated once, never freed; the locks are made for many threads.
@safe struct AnchorLocks: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Slot>

  private struct Slot: ~Copyable {
    let lock = SpinLock()
    // A cache line each.
    let padding: (UInt32, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
  }

  static let count = 512
  static let shared: AnchorLocks = {
    let locks = AnchorLocks()
    ForkSafety.install()
    return locks
  }()

  private init() {
    unsafe slots = .allocate(capacity: Self.count)
    for slot in 0..<Self.count { unsafe (slots + slot).initialize(to: Slot()) }
  }

  @inline(__always)
  private func slot(of address: UInt) -> UnsafeMutablePointer<Slot> {
    let hash = UInt64(address) &* 0x9E37_79B9_7F4A_7C15
    return unsafe slots + Int(truncatingIfNeeded: hash >> 55)
  }

  @inline(__always)
  func lock(of address: UInt) { unsafe slot(of: address).pointee.lock.lock() }
  @inline(__always)
  func unlock(of address: UInt) { unsafe slot(of: address).pointee.lock.unlock() }

  @inline(__always)
  func withLock<R>(of address: UInt, _ body: () -> R) -> R {
    lock(of: address)
    defer { unlock(of: address) }
    return body()
  }

  func lockAll() { for slot in 0..<Self.count { unsafe slots[slot].lock.lock() } }
  func unlockAll() { for slot in 0..<Self.count { unsafe slots[slot].lock.unlock() } }
}
