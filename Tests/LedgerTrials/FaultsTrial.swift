// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

/// Has a block of the arena that is not in the ledger, and a buffer whose memory was freed without its knowledge.
enum FaultsTrial {
  static func run() throws {
    try plant()
    LedgerTrials.pause("planted")
  }

  static func plant() throws {
    _ = unsafe try Arena.shared.unsafeAllocate(byteCount: 300_000)
    let ghost = try NativeBuffer(byteCount: 200_000)
    unsafe try ghost.withUnsafeBytes {
      unsafe Arena.unsafeDeallocator(UnsafeMutableRawPointer(mutating: $0.baseAddress))
    }
    // Its memory is no longer its own, so it must never be released.
    unsafe kept = ghost
  }

  // SAFETY: only the main thread uses it.
  private nonisolated(unsafe) static var kept: NativeBuffer?
}
