// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

// Bytes that go between a buffer and an open file, without a copy in between. A call that a signal interrupted is made
// again.

extension NativeBuffer {
  /// Writes all bytes to a file, a pipe or a socket, in as many calls as that takes.
  /// - Parameters:
  ///   - file: open for writing.
  ///   - offset: the place in the file, in bytes; nil for the place that the descriptor has, which moves on.
  /// - Throws: ``NativeBufferError`` as ``pin()``; ``NativeBufferError/Code/file`` if the operating system refuses:
  ///   ``NativeBufferError/fileFailure`` says how many bytes were written before.
  public func write(to file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) {
    try slice(...).write(to: file, at: offset)
  }

  /// Reads from a file, a pipe or a socket until the buffer is full, or there is no more.
  ///
  /// Other code cannot use the buffer meanwhile.
  /// - Parameters:
  ///   - file: open for reading.
  ///   - offset: the place in the file, in bytes; nil for the place that the descriptor has, which moves on.
  /// - Returns: how many bytes were read. It is less than ``byteCount`` only if the file ended. The bytes behind them
  ///   stay as they are.
  /// - Throws: ``NativeBufferError`` as ``pinMutable()``; ``NativeBufferError/Code/file`` if the operating system
  ///   refuses: ``NativeBufferError/fileFailure`` says how many bytes were read before.
  public func read(from file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) -> Int {
    try slice(...).read(from: file, at: offset)
  }
}

extension NativeBufferSlice {
  /// As ``NativeBuffer/write(to:at:)``, for the slice's bytes.
  public func write(to file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) {
    _ = try write(.all, to: file, at: offset)
  }

  /// Writes the first of the slice's bytes in one call, as many as the file takes now: for descriptors that do not
  /// block, and for code that does something else between two calls.
  /// - Returns: how many bytes were written: at least one, unless the slice is empty.
  /// - Throws: as ``NativeBuffer/write(to:at:)``. ``NativeBufferError/fileFailure`` has
  ///   `Errno.resourceTemporarilyUnavailable` if a descriptor that does not block takes nothing now.
  public func writeSome(to file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) -> Int {
    try write(.some, to: file, at: offset)
  }

  /// As ``NativeBuffer/read(from:at:)``, for the slice's bytes.
  public func read(from file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) -> Int {
    try read(.all, from: file, at: offset)
  }

  /// Reads into the first of the slice's bytes in one call, as many as there are now.
  /// - Returns: how many bytes were read; 0 if the file has ended, or the slice is empty.
  /// - Throws: as ``NativeBuffer/read(from:at:)``. ``NativeBufferError/fileFailure`` has
  ///   `Errno.resourceTemporarilyUnavailable` if a descriptor that does not block has nothing now.
  public func readSome(from file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) -> Int {
    try read(.some, from: file, at: offset)
  }

  private func write(
    _ extent: FileTransfer.Extent, to file: FileDescriptor, at offset: Int64?
  ) throws(NativeBufferError) -> Int {
    let outcome = unsafe try reading { memory in
      Result { () throws(FileFailure) in unsafe try FileTransfer.write(extent, memory, to: file, at: offset) }
    }
    do { return try outcome.get() } catch { throw NativeBufferError(.file(error), created: buffer.site) }
  }

  private func read(
    _ extent: FileTransfer.Extent, from file: FileDescriptor, at offset: Int64?
  ) throws(NativeBufferError) -> Int {
    var pin = try pinMutable()
    var bytes = pin.mutableBytes
    do {
      return try unsafe bytes.withUnsafeMutableBytes { bytes throws(FileFailure) in
        unsafe try FileTransfer.read(extent, from: file, at: offset, into: bytes)
      }
    } catch {
      throw NativeBufferError(.file(error), created: buffer.site)
    }
  }
}

extension UniqueBuffer {
  /// As ``NativeBuffer/write(to:at:)``.
  public borrowing func write(to file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) {
    do {
      _ = try unsafe withUnsafeBytes { bytes throws(FileFailure) in
        unsafe try FileTransfer.write(.all, bytes, to: file, at: offset)
      }
    } catch {
      throw NativeBufferError(.file(error), created: site)
    }
  }

  /// As ``NativeBuffer/read(from:at:)``.
  public mutating func read(from file: FileDescriptor, at offset: Int64? = nil) throws(NativeBufferError) -> Int {
    do {
      return try unsafe withUnsafeMutableBytes { bytes throws(FileFailure) in
        unsafe try FileTransfer.read(.all, from: file, at: offset, into: bytes)
      }
    } catch {
      throw NativeBufferError(.file(error), created: site)
    }
  }
}
