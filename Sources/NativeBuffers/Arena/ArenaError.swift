// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
public import ResourceLedger

/// A refusal by an arena, or by jemalloc's control interface.
public struct ArenaError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Code: Equatable, Sendable {
    /// `mallctl` answered with an errno value for this key.
    case mallctl(key: String, errno: Int32)
    /// No memory for a block of this size and alignment, in bytes.
    case outOfMemory(byteCount: Int, alignment: Int)
    /// A negative size, or a size that no address space holds.
    case invalidByteCount(Int)
    /// An alignment that is not a power of two from 1 to 2 MiB.
    case invalidAlignment(Int)
    /// The arena cannot be destroyed, because blocks are live.
    case blocksLive(count: Int, byteCount: Int)
    /// The shared arena cannot be destroyed, because all code in the process may use it.
    case sharedArena
    /// A configuration with a value that its property does not allow.
    case invalidConfiguration(property: String, value: String)
    /// The arena was destroyed.
    case destroyed
    /// The ledger has no room.
    case ledger(LedgerError)
    /// The process has as many arenas as jemalloc allows. These include the arenas that jemalloc made for `malloc`, and
    /// arenas that were never destroyed though no reference to them is left.
    case tooManyArenas(count: Int)
    /// No address space, or no memory, for another arena.
    case noRoomForArena
    /// The process's malloc is not this jemalloc, so its allocations cannot be captured.
    case captureUnavailable
  }

  public let code: Code
  /// The arena's name, if the error concerns an arena that has one.
  public let arena: String?
  /// What was short, if memory was refused. If a buffer was asked for, all idle memory of all arenas was given back
  /// before this error, unless the request was for more than four times the machine's memory, or for more than the
  /// process may map.
  public let shortage: MemoryShortage?

  package init(_ code: Code, arena: String? = nil, shortage: MemoryShortage? = nil) {
    self.code = code
    self.arena = arena
    self.shortage = shortage
  }

  /// Whether there may be room once idle memory is given back.
  package var isExhaustion: Bool {
    switch code {
    case .outOfMemory, .noRoomForArena: true
    case .ledger(let error): error.isExhaustion
    default: false
    }
  }

  /// The same error with an arena's name.
  func of(_ arena: String) -> ArenaError { ArenaError(code, arena: arena, shortage: shortage) }

  public var description: String { arena.map { "arena \"\($0)\": \(message)" } ?? message }

  private var message: String {
    switch code {
    case .mallctl(let key, let code):
      "jemalloc refused \"\(key)\" with errno \(code) (\(systemMessage(code)))."
    case .outOfMemory(let byteCount, let alignment):
      "no room for a block of \(byteCount) bytes aligned to \(alignment): \(shortage ?? .memory). "
        + (shortage ?? .memory).advice(or: "ask for less")
    case .invalidByteCount(let byteCount):
      "\(byteCount) is no size for a block: sizes go from 0 to what the address space holds."
    case .invalidAlignment(let alignment):
      "\(alignment) is no alignment: it must be a power of two from 1 to 2,097,152."
    case .blocksLive(let count, let byteCount):
      "it cannot be destroyed while \(count) blocks of \(byteCount) bytes are live. Dispose their buffers first."
    case .sharedArena: "it is the process's shared arena, which cannot be destroyed; trim and purge it instead."
    case .invalidConfiguration(let property, let value):
      "\(value) is no value for the configuration's `\(property)`: bytes and times are 0 or more, and times at most 10^10 "
        + "seconds, or nil for never."
    case .destroyed: "it was destroyed; nothing can be allocated from it."
    case .ledger(let error): error.description
    case .tooManyArenas(let count):
      "the process has \(count) arenas, as many as jemalloc allows, a few of them jemalloc's own for malloc. Those "
        + "count, too, whose last reference was dropped: only destroy() ends an arena, once its buffers are gone. Destroy "
        + "arenas that are no longer needed, or let several purposes share one."
    case .noRoomForArena:
      "no room for another arena, which takes 2 MiB of address space before its first block: \(shortage ?? .memory). "
        + (shortage ?? .memory).advice(or: "let several purposes share an arena")
    case .captureUnavailable:
      "malloc calls cannot be captured: this process's malloc is not the jemalloc that the arenas use."
    }
  }
}
