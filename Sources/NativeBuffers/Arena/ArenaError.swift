// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
package import ResourceLedger

/// A refusal by an arena, or by jemalloc's control interface.
public struct ArenaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of refusal it is, for programs to act on. Later versions may have more codes.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// `mallctl` answered with an errno value for this key.
    public static var mallctl: Code { Code("mallctl") }
    /// No memory for a block of this size and alignment, in bytes.
    public static var outOfMemory: Code { Code("outOfMemory") }
    /// A negative size, or a size that no address space holds.
    public static var invalidByteCount: Code { Code("invalidByteCount") }
    /// An alignment that is not a power of two from 1 to 2 MiB.
    public static var invalidAlignment: Code { Code("invalidAlignment") }
    /// The arena cannot be destroyed, because blocks are live.
    public static var blocksLive: Code { Code("blocksLive") }
    /// The shared arena cannot be destroyed, because all code in the process may use it.
    public static var sharedArena: Code { Code("sharedArena") }
    /// The shared arena exists already, so that its configuration cannot be chosen any more.
    public static var sharedArenaExists: Code { Code("sharedArenaExists") }
    /// A configuration with a value that its property does not allow.
    public static var invalidConfiguration: Code { Code("invalidConfiguration") }
    /// The arena was destroyed.
    public static var destroyed: Code { Code("destroyed") }
    /// The ledger has no room.
    public static var ledger: Code { Code("ledger") }
    /// The process has as many arenas as jemalloc allows. These include the arenas that jemalloc made for `malloc`, and
    /// arenas that were never destroyed though no reference to them is left.
    public static var tooManyArenas: Code { Code("tooManyArenas") }
    /// No address space, or no memory, for another arena.
    public static var noRoomForArena: Code { Code("noRoomForArena") }
    /// The process's malloc is not this jemalloc, so its allocations cannot be captured.
    package static var captureUnavailable: Code { Code("captureUnavailable") }

    /// Its name, as in this type.
    public let description: String

    private init(_ name: String) { description = name }
  }

  /// The code together with the numbers that the description shows.
  package enum Reason: Equatable, Sendable {
    case mallctl(key: String, errno: Int32)
    case outOfMemory(byteCount: Int, alignment: Int)
    case invalidByteCount(Int)
    case invalidAlignment(Int)
    case blocksLive(count: Int, byteCount: Int)
    case sharedArena
    case sharedArenaExists
    case invalidConfiguration(property: String, value: String)
    case destroyed
    case ledger(LedgerError)
    case tooManyArenas(count: Int)
    case noRoomForArena
    case captureUnavailable

    var code: Code {
      switch self {
      case .mallctl: .mallctl
      case .outOfMemory: .outOfMemory
      case .invalidByteCount: .invalidByteCount
      case .invalidAlignment: .invalidAlignment
      case .blocksLive: .blocksLive
      case .sharedArena: .sharedArena
      case .sharedArenaExists: .sharedArenaExists
      case .invalidConfiguration: .invalidConfiguration
      case .destroyed: .destroyed
      case .ledger: .ledger
      case .tooManyArenas: .tooManyArenas
      case .noRoomForArena: .noRoomForArena
      case .captureUnavailable: .captureUnavailable
      }
    }
  }

  package let reason: Reason
  public var code: Code { reason.code }
  /// The arena's name, if the error concerns an arena that has one.
  public let arena: String?
  /// What was short, if memory was refused. If a buffer was asked for, all idle memory of all arenas was given back
  /// before this error, unless the request was for more than four times the machine's memory, or for more than the
  /// process may map.
  public let shortage: MemoryShortage?

  package init(_ reason: Reason, arena: String? = nil, shortage: MemoryShortage? = nil) {
    self.reason = reason
    self.arena = arena
    self.shortage = shortage
  }

  /// Whether there may be room once idle memory is given back.
  package var isExhaustion: Bool {
    switch reason {
    case .outOfMemory, .noRoomForArena: true
    case .ledger(let error): error.isExhaustion
    default: false
    }
  }

  /// The same error with an arena's name.
  func of(_ arena: String) -> ArenaError { ArenaError(reason, arena: arena, shortage: shortage) }

  /// The error of the ledger, if that refused.
  public var underlyingError: (any Error)? {
    if case .ledger(let error) = reason { error } else { nil }
  }

  /// The `errno` that jemalloc answered with, if it refused.
  public var systemErrorNumber: Int32? {
    if case .mallctl(_, let errno) = reason { errno } else { nil }
  }

  public var description: String { arena.map { "arena \"\($0)\": \(message)" } ?? message }

  private var message: String {
    switch reason {
    case .mallctl(let key, let code):
      "jemalloc refused \"\(key)\" with errno \(code) (\(systemMessage(code)))."
    case .outOfMemory(let byteCount, let alignment):
      "no room for a block of \(byteCount) bytes aligned to \(alignment): \(shortage ?? .init(.memory)). "
        + (shortage ?? .init(.memory)).advice(or: "ask for less")
    case .invalidByteCount(let byteCount):
      "\(byteCount) is no size for a block: sizes go from 0 to what the address space holds."
    case .invalidAlignment(let alignment):
      "\(alignment) is no alignment: it must be a power of two from 1 to 2,097,152."
    case .blocksLive(let count, let byteCount):
      "it cannot be destroyed while \(count) blocks of \(byteCount) bytes are live. Dispose their buffers first."
    case .sharedArenaExists:
      "it exists already, so that its configuration cannot be chosen any more. Call Arena.configureShared before the "
        + "program's first buffer, and before its first use of Arena.shared."
    case .sharedArena: "it is the process's shared arena, which cannot be destroyed; trim and purge it instead."
    case .invalidConfiguration(let property, let value):
      "\(value) is no value for the configuration's `\(property)`: bytes and times are 0 or more, and times at most "
        + "10^10 seconds, or nil for never."
    case .destroyed: "it was destroyed; nothing can be allocated from it."
    case .ledger(let error): error.description
    case .tooManyArenas(let count):
      "the process has \(count) arenas, as many as jemalloc allows, a few of them jemalloc's own for malloc. Those "
        + "count, too, whose last reference was dropped: only destroy() ends an arena, once its buffers are gone. "
        + "Destroy arenas that are no longer needed, or let several purposes share one."
    case .noRoomForArena:
      "no room for another arena, which takes 2 MiB of address space before its first block: "
        + "\(shortage ?? .init(.memory)). "
        + (shortage ?? .init(.memory)).advice(or: "let several purposes share an arena")
    case .captureUnavailable:
      "malloc calls cannot be captured: this process's malloc is not the jemalloc that the arenas use."
    }
  }
}
