// SPDX-License-Identifier: Apache-2.0

import Glibc
public import SystemPackage

extension NativeBuffer {
  /// Creates a buffer that has the bytes of a file.
  ///
  /// A file that grows meanwhile is read to its end. Also for pipes, devices and files of `/proc`, whose length is not
  /// known before.
  /// - Parameters:
  ///   - path: of the file. Symbolic links are followed.
  ///   - byteLimit: how many bytes the file may have. Some files never end, for example `/dev/zero`.
  ///   - arena: the arena that the memory comes from; nil for the shared one.
  ///   - file: with `line` and `function`, the site that reports name. Leave all three to their defaults.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: ``NativeBufferError``: ``NativeBufferError/Code/file`` if the file cannot be opened or read,
  ///   ``NativeBufferError/Code/tooLarge`` if it has more bytes than the limit; or as
  ///   `init(byteCount:alignment:arena:file:line:function:)`.
  public convenience init(
    contentsOf path: FilePath, byteLimit: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    let site = Site(file: file, line: line, function: function)
    let open = try OpenFile(path, .readOnly, created: site)
    guard open.byteCount <= byteLimit else {
      throw NativeBufferError(.tooLarge(byteLimit: byteLimit), created: site)
    }
    // Files of /proc have length 0.
    var writer = try NativeByteWriter(
      reserving: open.byteCount > 0 ? open.byteCount : min(4_096, max(0, byteLimit)), arena: arena,
      file: file, line: line, function: function)
    do throws(NativeBufferError) { try writer.appendAll(from: open.descriptor, byteLimit: byteLimit) } catch {
      throw error.naming(path)
    }
    let block = writer.finishedBlock()
    self.init(block: block, site: block.entry.site)
  }
}

extension NativeByteWriter {
  /// Appends what one call of the kernel reads from a file, a pipe or a socket.
  /// - Parameters:
  ///   - file: open for reading.
  ///   - byteCount: how many bytes are read at most; 1 or more.
  /// - Returns: how many bytes were appended; 0 if the file has ended.
  /// - Throws: ``NativeBufferError`` as ``reserve(_:)``; ``NativeBufferError/Code/file`` if the operating system
  ///   refuses. Nothing is lost or appended then.
  public mutating func appendSome(from file: FileDescriptor, upTo byteCount: Int) throws(NativeBufferError) -> Int {
    try reserve(byteCount)
    return try read(from: file, upTo: byteCount)
  }

  /// Appends all bytes that a file, a pipe or a socket has, up to its end.
  /// - Parameters:
  ///   - file: open for reading, at the place that the descriptor has.
  ///   - byteLimit: how many bytes may be appended.
  /// - Throws: ``NativeBufferError`` as ``reserve(_:)``; ``NativeBufferError/Code/file`` if the operating system
  ///   refuses; ``NativeBufferError/Code/tooLarge`` if there are more bytes than the limit. What was read before stays
  ///   appended.
  public mutating func appendAll(from file: FileDescriptor, byteLimit: Int = .max) throws(NativeBufferError) {
    let start = count
    while true {
      // At the limit, or if there is no more room, one byte is asked for to see whether the file ends here.
      let room = min(capacity - count, byteLimit - (count - start))
      if room > 0 {
        guard try read(from: file, upTo: room) > 0 else { return }
        continue
      }
      var byte: UInt8 = 0
      do throws(FileFailure) {
        let count = try unsafe withUnsafeMutableBytes(of: &byte) { byte throws(FileFailure) in
          unsafe try FileTransfer.read(.some, from: file, at: nil, into: byte)
        }
        if count == 0 { return }
      } catch {
        throw NativeBufferError(.file(error), created: site)
      }
      guard count - start < byteLimit else { throw NativeBufferError(.tooLarge(byteLimit: byteLimit), created: site) }
      try append(byte)
    }
  }
}

extension NativeBufferError {
  /// The same error, if it is about a file, with the file's path.
  func naming(_ path: FilePath) -> NativeBufferError {
    guard case .file(let failure) = reason else { return self }
    return NativeBufferError(
      .file(
        FileFailure(
          failure.operation, path: path, failure.errno, transferredByteCount: failure.transferredByteCount)),
      created: created)
  }
}
