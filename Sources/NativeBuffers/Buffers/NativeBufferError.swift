// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// The reason why a buffer could not be made, or why its bytes could not be reached.
public struct NativeBufferError: Error, Sendable, CustomStringConvertible {
  /// What kind of refusal it is, for programs to act on. Later versions may have more codes.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The buffer was disposed before, or handed to other code by `unsafeDetach()`.
    public static var disposed: Code { Code("disposed") }
    /// Exclusive access was asked for while the bytes were in use, or any access while they were being changed.
    public static var overlappingAccess: Code { Code("overlappingAccess") }
    /// The buffer has 262,143 pins already.
    public static var tooManyPins: Code { Code("tooManyPins") }
    /// A negative size, or a size that no address space holds.
    public static var invalidByteCount: Code { Code("invalidByteCount") }
    /// An alignment that is not a power of two from 1 to 2 MiB.
    public static var invalidAlignment: Code { Code("invalidAlignment") }
    /// There is no memory for a block of this many bytes at this alignment.
    public static var outOfMemory: Code { Code("outOfMemory") }
    /// The range does not lie inside the bytes of the buffer or slice.
    public static var outOfBounds: Code { Code("outOfBounds") }
    /// The memory that bytes were to be copied to is too small for them.
    public static var noRoom: Code { Code("noRoom") }
    /// The first byte is not aligned for the type of elements that was asked for.
    public static var misaligned: Code { Code("misaligned") }
    /// The bytes are no whole number of the elements that were asked for.
    public static var remainder: Code { Code("remainder") }
    /// The bytes were to be changed, and another value shares them: see ``NativeBuffer/isReadOnly``.
    public static var readOnly: Code { Code("readOnly") }
    /// A file could not be opened, mapped, read or written: ``NativeBufferError/fileFailure`` says why.
    public static var file: Code { Code("file") }
    /// A file has more bytes than the limit that was set.
    public static var tooLarge: Code { Code("tooLarge") }
    /// The arena refused for another reason.
    public static var arena: Code { Code("arena") }
    /// The ledger has no room.
    public static var ledger: Code { Code("ledger") }

    /// Its name, as in this type.
    public let description: String

    private init(_ name: String) { description = name }
  }

  /// The code together with the numbers that the description shows.
  package enum Reason: Equatable, Sendable {
    case disposed
    case overlappingAccess
    case tooManyPins
    case invalidByteCount(Int)
    case invalidAlignment(Int)
    case outOfMemory(byteCount: Int, alignment: Int)
    case outOfBounds(range: Range<Int>, byteCount: Int)
    case noRoom(byteCount: Int, room: Int)
    /// `excess`: the address less the aligned address before it.
    case misaligned(element: String, alignment: Int, excess: Int)
    case remainder(element: String, size: Int, byteCount: Int)
    case readOnly
    case file(FileFailure)
    /// `byteCount`: the file's length.
    case notInFile(range: Range<Int>, byteCount: Int)
    case invalidFileRange(offset: Int, byteCount: Int)
    case tooLarge(byteLimit: Int)
    case arena(ArenaError)
    case ledger(LedgerError)

    var code: Code {
      switch self {
      case .disposed: .disposed
      case .overlappingAccess: .overlappingAccess
      case .tooManyPins: .tooManyPins
      case .invalidByteCount: .invalidByteCount
      case .invalidAlignment: .invalidAlignment
      case .outOfMemory: .outOfMemory
      case .outOfBounds, .notInFile, .invalidFileRange: .outOfBounds
      case .noRoom: .noRoom
      case .misaligned: .misaligned
      case .remainder: .remainder
      case .readOnly: .readOnly
      case .file: .file
      case .tooLarge: .tooLarge
      case .arena: .arena
      case .ledger: .ledger
      }
    }
  }

  package let reason: Reason
  public var code: Code { reason.code }
  /// The line that created the buffer, or tried to.
  public let created: Site
  /// The line that disposed the buffer, if that is the reason and the line is known.
  public let disposed: Site?
  /// What was short, for ``Code/outOfMemory``. Before this error, all idle memory of all arenas
  /// was given back, unless the request was for more than four times the machine's memory, or for more than the process
  /// may map.
  public let shortage: MemoryShortage?

  package init(_ reason: Reason, created: Site, disposed: Site? = nil) {
    shortage = nil
    self.reason = reason
    self.created = created
    self.disposed = disposed
  }

  init(_ error: ArenaError, created: Site) {
    self.created = created
    disposed = nil
    shortage = error.shortage
    reason =
      switch error.reason {
      case .invalidByteCount(let byteCount): .invalidByteCount(byteCount)
      case .invalidAlignment(let alignment): .invalidAlignment(alignment)
      case .outOfMemory(let byteCount, let alignment): .outOfMemory(byteCount: byteCount, alignment: alignment)
      case .ledger(let error): .ledger(error)
      default: .arena(error)
      }
  }

  /// What the operating system said about a file, for ``Code/file``.
  public var fileFailure: FileFailure? {
    if case .file(let failure) = reason { failure } else { nil }
  }

  /// The error of the arena, of the ledger or of a file, if one of them refused.
  public var underlyingError: (any Error)? {
    switch reason {
    case .file(let failure): failure
    case .arena(let error): error
    case .ledger(let error): error
    default: nil
    }
  }

  public var description: String {
    switch reason {
    case .disposed:
      "the buffer created at \(created) was used after it was disposed at \(disposed ?? .unknown). "
        + "Dispose it after its last use, or take a pin before."
    case .overlappingAccess:
      "overlapping access to the buffer created at \(created): other code is changing its bytes, or they were to be "
        + "changed while other code reads them. End the other access first."
    case .tooManyPins:
      "the buffer created at \(created) has \(EntryWord.maximumPinCount) pins, the most it can have. "
        + "End some pins first."
    case .invalidByteCount(let byteCount):
      "\(byteCount) bytes is no size for a buffer (at \(created)): sizes go from 0 to what the address space holds."
    case .invalidAlignment(let alignment):
      "\(alignment) is no alignment for a buffer (at \(created)): it must be a power of two from 1 to 2,097,152."
    case .outOfMemory(let byteCount, let alignment):
      "no room for a buffer of \(byteCount) bytes aligned to \(alignment) (at \(created)): "
        + "\(shortage ?? .init(.memory)). "
        + (shortage ?? .init(.memory)).advice(or: "ask for less")
    case .outOfBounds(let range, let byteCount):
      "the range \(range) does not lie inside the \(byteCount) bytes of the buffer created at \(created)."
    case .noRoom(let byteCount, let room):
      "\(byteCount) bytes of the buffer created at \(created) were to be copied to memory that has room for \(room). "
        + "Copy fewer bytes, or to larger memory."
    case .misaligned(let element, let alignment, let excess):
      "the bytes of the buffer created at \(created) cannot be read as \(element): the first one lies \(excess) bytes "
        + "behind an address that is a multiple of \(alignment). Begin the slice elsewhere, or create the buffer with "
        + "a larger alignment."
    case .remainder(let element, let size, let byteCount):
      "the \(byteCount) bytes of the buffer created at \(created) are no whole number of \(element), which takes "
        + "\(size) bytes. Take a slice that is."
    case .readOnly:
      "the bytes of the buffer created at \(created) cannot be changed: another value shares them, or they are those "
        + "of a file that was mapped to be read. Change a copy instead: copied() makes one; or map the file with "
        + "another access."
    case .file(let failure): "\(failure) (buffer of \(created))"
    case .notInFile(let range, let byteCount):
      "the bytes \(range) cannot be mapped (at \(created)): the file has \(byteCount.grouped) bytes."
    case .invalidFileRange(let offset, let byteCount):
      "\(byteCount) bytes from offset \(offset) cannot be mapped (at \(created)): neither number may be negative."
    case .tooLarge(let byteLimit):
      "the file read at \(created) has more than the \(byteLimit.grouped) bytes that it may have. "
        + "Raise the limit if that is right."
    case .arena(let error): "no buffer (at \(created)): \(error)"
    case .ledger(let error): "no buffer (at \(created)): \(error)"
    }
  }
}
