// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import SystemPackage

/// A file that is closed at the end of this value.
struct OpenFile: ~Copyable {
  let descriptor: FileDescriptor
  /// The file's length when it was opened; 0 for what has no length, as a pipe.
  let byteCount: Int
  /// Whether it is a regular file.
  let isRegular: Bool

  /// - Parameter created: the line that asked for it.
  init(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, options: FileDescriptor.OpenOptions = [], created: Site
  ) throws(NativeBufferError) {
    let (descriptor, status) = try Self.open(path, mode, options, created: created)
    self.descriptor = descriptor
    isRegular = status.st_mode & S_IFMT == S_IFREG
    byteCount = isRegular ? Int(status.st_size) : 0
  }

  private static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions, created: Site
  ) throws(NativeBufferError) -> (FileDescriptor, stat) {
    let descriptor: FileDescriptor
    do {
      descriptor = try FileDescriptor.open(path, mode, options: options.union(.closeOnExec))
    } catch {
      throw NativeBufferError(.file(FileFailure(.open, path: path, error as? Errno ?? .ioError)), created: created)
    }
    var status = stat()
    guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
      let failure = FileFailure(.open, path: path, Errno(rawValue: errno))
      try? descriptor.close()
      throw NativeBufferError(.file(failure), created: created)
    }
    return (descriptor, status)
  }

  deinit { try? descriptor.close() }
}
