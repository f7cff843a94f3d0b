// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// The locks of all anchors. An anchor's address selects its lock, so that a thread can take the lock before it knows
/// whether the anchor still exists.
struct AnchorLocks: Sendable {
  private let locks = SpinLocks(.anchor, count: 512)

  static let shared = AnchorLocks()

  @inline(__always)
  private func lock(_ address: UInt) -> SpinLock {
    let hash = UInt64(address) &* 0x9E37_79B9_7F4A_7C15
    return locks[Int(truncatingIfNeeded: hash >> 55)]
  }

  @inline(__always)
  func lock(of address: UInt) { lock(address).lock() }
  @inline(__always)
  func unlock(of address: UInt) { lock(address).unlock() }

  @inline(__always)
  func withLock<R>(of address: UInt, _ body: () -> R) -> R {
    lock(of: address)
    defer { unlock(of: address) }
    return body()
  }
}
