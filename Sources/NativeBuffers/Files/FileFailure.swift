// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// A file could not be used: what was tried, and what the operating system said.
public struct FileFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was tried. Later versions may have more of these.
  public struct Operation: Hashable, Sendable, CustomStringConvertible {
    public static var open: Operation { Operation("open") }
    public static var map: Operation { Operation("map") }
    public static var read: Operation { Operation("read") }
    public static var write: Operation { Operation("write") }
    /// To copy bytes out of a mapped file.
    public static var copyMapped: Operation { Operation("copyMapped") }

    /// Its name, as in this type.
    public let description: String

    private init(_ name: String) { description = name }
  }

  public let operation: Operation
  /// The file, if it was named by a path.
  public let path: FilePath?
  public let errno: Errno
  /// The bytes that were read or written before. They are in the buffer, or in the file.
  public let transferredByteCount: Int

  init(_ operation: Operation, path: FilePath? = nil, _ errno: Errno, transferredByteCount: Int = 0) {
    self.operation = operation
    self.path = path
    self.errno = errno
    self.transferredByteCount = transferredByteCount
  }

  public var description: String {
    let file = path.map { "\u{22}\($0)\u{22}" } ?? "the file"
    let before = transferredByteCount > 0 ? ", after \(transferredByteCount.grouped) bytes" : ""
    return switch (operation, errno) {
    case (.copyMapped, .badAddress):
      "a part of the mapped file is gone: the file became shorter, or its disk gave an error. Map it again, or read it."
    case (.copyMapped, _):
      "the bytes of a mapped file cannot be copied (process_vm_readv: \(errno)). Read the file instead, or use a span."
    case (.map, .invalidArgument):
      "\(file) cannot be mapped, because it is no regular file. Read it instead."
    case (.read, .resourceTemporarilyUnavailable), (.write, .resourceTemporarilyUnavailable):
      "the descriptor does not block, and is not ready\(before). Wait until it is, and go on."
    default: "cannot \(operation) \(file): \(errno)\(before)"
    }
  }
}
