// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import SystemPackage

/// Moves bytes between memory and a file. A call that a signal interrupted is made again.
enum FileTransfer {
  /// How many calls of the kernel are made.
  enum Extent {
    /// One: it may transfer fewer bytes.
    case some
    /// As many as the bytes need.
    case all
  }

  /// - Parameter offset: the place in the file; nil for the place that the descriptor has, which moves on.
  /// - Returns: the bytes that were read: fewer if the file ended, or if one call gave fewer.
  static func read(
    _ extent: Extent, from file: FileDescriptor, at offset: Int64?, into memory: UnsafeMutableRawBufferPointer
  ) throws(FileFailure) -> Int {
    try transfer(.read, extent, byteCount: memory.count) { done in
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[done...])
      guard let offset else { return unsafe try file.read(into: rest) }
      return unsafe try file.read(fromAbsoluteOffset: offset + Int64(done), into: rest)
    }
  }

  /// - Parameter offset: as for ``read(_:from:at:into:)``.
  /// - Returns: the bytes that were written.
  static func write(
    _ extent: Extent, _ memory: UnsafeRawBufferPointer, to file: FileDescriptor, at offset: Int64?
  ) throws(FileFailure) -> Int {
    try transfer(.write, extent, byteCount: memory.count) { done in
      let rest = unsafe UnsafeRawBufferPointer(rebasing: memory[done...])
      guard let offset else { return unsafe try file.write(rest) }
      return unsafe try file.write(toAbsoluteOffset: offset + Int64(done), rest)
    }
  }

  /// - Parameter call: transfers bytes behind those that are done; 0 means that there is no more.
  private static func transfer(
    _ operation: FileFailure.Operation, _ extent: Extent, byteCount: Int, _ call: (Int) throws -> Int
  ) throws(FileFailure) -> Int {
    var done = 0
    while done < byteCount {
      do {
        let count = try call(done)
        done += count
        if count == 0 { break }
      } catch {
        throw FileFailure(operation, error as? Errno ?? .ioError, transferredByteCount: done)
      }
      if case .some = extent { break }
    }
    return done
  }

  /// Copies bytes out of a mapped file, which may have become shorter.
  static func copyMapped(
    _ source: UnsafeRawBufferPointer, to destination: UnsafeMutableRawPointer
  ) throws(FileFailure) {
    guard let start = source.baseAddress, unsafe !source.isEmpty else { return }
    let errno = unsafe cnativeruntime_copy_mapped(destination, start, source.count)
    guard errno == 0 else { throw FileFailure(.copyMapped, Errno(rawValue: errno)) }
  }
}
