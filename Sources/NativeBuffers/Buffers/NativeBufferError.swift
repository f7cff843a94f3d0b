// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// The reason why a buffer could not be made, or why its bytes could not be reached.
public struct NativeBufferError: Error, Sendable, CustomStringConvertible {
  public enum Code: Equatable, Sendable {
    /// The buffer was disposed before, or handed to other code by `unsafeDetach()`.
    case disposed
    /// Exclusive access was asked for while the bytes were in use, or any access while they were being changed.
    case overlappingAccess
    /// The buffer has 262,143 pins already.
    case tooManyPins
    /// A negative size, or a size that no address space holds.
    case invalidByteCount(Int)
    /// An alignment that is not a power of two from 1 to 2 MiB.
    case invalidAlignment(Int)
    /// There is no memory for a block of this many bytes at this alignment.
    case outOfMemory(byteCount: Int, alignment: Int)
    /// The range does not lie inside the bytes of the buffer or slice.
    case outOfBounds(range: Range<Int>, byteCount: Int)
    /// The arena refused for another reason.
    case arena(ArenaError)
    /// The ledger has no room.
    case ledger(LedgerError)
  }

  public let code: Code
  /// The line that created the buffer, or tried to.
  public let created: Site
  /// The line that disposed the buffer, if that is the reason and the line is known.
  public let disposed: Site?
  /// What was short, for ``Code/outOfMemory(byteCount:alignment:)``. Before this error, all idle memory of all arenas
  /// was given back, unless the request was for more than four times the machine's memory, or for more than the process
  /// may map.
  public let shortage: MemoryShortage?

  init(_ code: Code, created: Site, disposed: Site? = nil) {
    shortage = nil
    self.code = code
    self.created = created
    self.disposed = disposed
  }

  init(_ error: ArenaError, created: Site) {
    self.created = created
    disposed = nil
    shortage = error.shortage
    code =
      switch error.code {
      case .invalidByteCount(let byteCount): .invalidByteCount(byteCount)
      case .invalidAlignment(let alignment): .invalidAlignment(alignment)
      case .outOfMemory(let byteCount, let alignment): .outOfMemory(byteCount: byteCount, alignment: alignment)
      case .ledger(let error): .ledger(error)
      default: .arena(error)
      }
  }

  public var description: String {
    switch code {
    case .disposed:
      "the buffer created at \(created) was used after it was disposed at \(disposed ?? .unknown). "
        + "Dispose it after its last use, or take a pin before."
    case .overlappingAccess:
      "overlapping access to the buffer created at \(created): somebody is changing its bytes, or they were to be "
        + "changed while somebody reads them. End the other access first."
    case .tooManyPins:
      "the buffer created at \(created) has \(EntryWord.maximumPinCount) pins, the most it can have. "
        + "End some pins first."
    case .invalidByteCount(let byteCount):
      "\(byteCount) bytes is no size for a buffer (at \(created)): sizes go from 0 to what the address space holds."
    case .invalidAlignment(let alignment):
      "\(alignment) is no alignment for a buffer (at \(created)): it must be a power of two from 1 to 2,097,152."
    case .outOfMemory(let byteCount, let alignment):
      "no room for a buffer of \(byteCount) bytes aligned to \(alignment) (at \(created)): \(shortage ?? .memory). "
        + (shortage ?? .memory).advice(or: "ask for less")
    case .outOfBounds(let range, let byteCount):
      "the range \(range) does not lie inside the \(byteCount) bytes of the buffer created at \(created)."
    case .arena(let error): "no buffer (at \(created)): \(error)"
    case .ledger(let error): "no buffer (at \(created)): \(error)"
    }
  }
}
