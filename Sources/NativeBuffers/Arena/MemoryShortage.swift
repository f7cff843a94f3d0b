// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What was short when memory was refused.
public struct MemoryShortage: Equatable, Sendable, CustomStringConvertible {
  /// What was short, for programs to act on. Later versions may have more codes.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// Address space (`ulimit -v`). ``MemoryShortage/limit`` says how many bytes the process may map in all.
    public static var addressSpace: Code { Code("addressSpace") }
    /// Private memory (`ulimit -d`). ``MemoryShortage/limit`` says how many bytes of it the process may have in all.
    public static var privateMemory: Code { Code("privateMemory") }
    /// Memory of the system: no limit of the process is near.
    public static var memory: Code { Code("memory") }
    /// Addresses: the request alone needs as many as a process can have, or more, under any limits.
    public static var addresses: Code { Code("addresses") }

    /// Its name, as in this type.
    public let description: String

    private init(_ name: String) { description = name }
  }

  /// The code together with the number that the description shows.
  package enum Reason: Equatable, Sendable {
    case addressSpace(limit: Int)
    case privateMemory(limit: Int)
    case memory
    case addresses
  }

  package let reason: Reason

  package init(_ reason: Reason) { self.reason = reason }

  public var code: Code {
    switch reason {
    case .addressSpace: .addressSpace
    case .privateMemory: .privateMemory
    case .memory: .memory
    case .addresses: .addresses
    }
  }

  /// The process's limit, in bytes; nil if no limit of the process is near.
  public var limit: Int? {
    switch reason {
    case .addressSpace(let limit), .privateMemory(let limit): limit
    case .memory, .addresses: nil
    }
  }

  /// What was short for a request for this many bytes, as far as it can be seen right after the request failed.
  static func afterRequest(of byteCount: Int) -> MemoryShortage {
    // This is all that a process has on x86-64, and half of what it has on arm64.
    if byteCount >= 1 << 47 { return MemoryShortage(.addresses) }
    // The 16 MiB are what is reserved for `malloc`, and what jemalloc maps for its own books.
    guard let nearest = ProcessMemory.nearestLimit, nearest.left < byteCount + 16 << 20 else {
      return MemoryShortage(.memory)
    }
    return switch nearest.limit {
    case .addressSpace: MemoryShortage(.addressSpace(limit: nearest.byteCount))
    case .data: MemoryShortage(.privateMemory(limit: nearest.byteCount))
    }
  }

  public var description: String {
    switch reason {
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
    switch reason {
    case .addressSpace, .privateMemory: "Dispose buffers, raise the limit, or \(alternative)."
    case .memory: "Dispose buffers, or \(alternative)."
    case .addresses: "It can only help to \(alternative)."
    }
  }
}
