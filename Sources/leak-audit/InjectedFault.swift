// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import NativeBuffers
import Synchronization

/// A fault that the demo commits on purpose, so that a reader sees what the audit says about it.
enum InjectedFault: String, ExpressibleByArgument, CaseIterable {
  case held, rescued, orphan, ghost

  /// Faults of ownership are committed inside the demo's scope, because the scope's own audit looks for them.
  var isInsideScope: Bool { self == .held || self == .rescued }

  func commit() throws {
    switch self {
    case .held:
      // Two objects that hold each other: no code can reach the buffer, and nothing will release it.
      let owner = CycleMember(buffer: try NativeBuffer(byteCount: 1_000_000))
      owner.other = CycleMember(buffer: nil)
      owner.other?.other = owner
    case .rescued:
      // Dropped without dispose(): the release of the last reference gives the memory back.
      _ = try NativeBuffer(byteCount: 500_000)
    case .orphan:
      // Memory of the arena that is not in the ledger.
      _ = unsafe try Arena.shared.unsafeAllocate(byteCount: 300_000)
    case .ghost:
      // Frees the memory without the buffer's knowledge, whatever the process's malloc is. The handle is kept: its
      // memory is no longer its own.
      let buffer = try NativeBuffer(byteCount: 200_000)
      unsafe try buffer.withUnsafeBytes {
        unsafe Arena.unsafeDeallocator(UnsafeMutableRawPointer(mutating: $0.baseAddress))
      }
      Self.ghosts.withLock { $0.append(buffer) }
    }
  }

  private static let ghosts = Mutex<[NativeBuffer]>([])
}

private final class CycleMember {
  let buffer: NativeBuffer?
  var other: CycleMember?

  init(buffer: NativeBuffer?) { self.buffer = buffer }
}
