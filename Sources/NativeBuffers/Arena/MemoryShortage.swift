// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What was short when memory was refused.
public enum MemoryShortage: Equatable, Sendable, CustomStringConvertible {
  /// Address space: the process may map this many bytes in all (`ulimit -v`).
  case addressSpace(limit: Int)
  /// Private memory: the process may have this many bytes of it in all (`ulimit -d`).
  case privateMemory(limit: Int)
  /// Memory of the system: no limit of the process is near.
  case memory
  /// Addresses: the request alone needs as many as a process can have, or more, under any limits.
  case addresses

  /// What was short for a request for this many bytes, as far as it can be seen right after the request failed.
  static func afterRequest(of byteCount: Int) -> MemoryShortage {
    // This is all that a process has on x86-64, and half of what it has on arm64.
    if byteCount >= 1 << 47 { return .addresses }
    // The 16 MiB are what is reserved for `malloc`, and what jemalloc maps for its own books.
    guard let nearest = ProcessMemory.nearestLimit, nearest.left < byteCount + 16 << 20 else { return .memory }
    return switch nearest.limit {
    case .addressSpace: .addressSpace(limit: nearest.byteCount)
    case .data: .privateMemory(limit: nearest.byteCount)
    }
  }

  public var description: String {
    switch self {
    case .addressSpace(let limit):
      "address space is short: the process may map \(limit) bytes in all (ulimit -v), and too few are left"
    case .privateMemory(let limit):
      "memory is short: the process may have \(limit) bytes of its own in all (ulimit -d), and too few are left"
    case .memory: "memory is short: the system gives the process no more"
    case .addresses: "no 64-bit process has so many addresses, whatever its limits are"
    }
  }

  /// What helps, as a sentence for the end of an error.
  /// - Parameter alternative: what helps besides more room.
  package func advice(or alternative: String) -> String {
    switch self {
    case .addressSpace, .privateMemory: "Dispose buffers, raise the limit, or \(alternative)."
    case .memory: "Dispose buffers, or \(alternative)."
    case .addresses: "It can only help to \(alternative)."
    }
  }
}
