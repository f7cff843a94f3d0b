// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

/// A picture as the bytes of a file, in a native buffer.
///
/// Copies of the value share the bytes; `dispose()` releases them for all copies at once.
public struct EncodedPicture: Sendable {
  public let format: PictureFormat
  /// The bytes of the file, and no others. Code that works with buffers takes them from here, without a copy.
  ///
  ///     let file = picture.buffer
  ///     try file.write(to: .standardOutput)
  ///     file.dispose()
  ///
  /// The picture and the buffer are one thing with two names: what one of them changes or disposes is changed or
  /// disposed for the other. Reports name the line that encoded the picture. The memory is at most a quarter or 4 KiB
  /// larger than the file. (The file's size is known only when it is encoded. A JPEG gets at first half a byte for each
  /// pixel, and is copied at the end if that was too much.)
  public let buffer: NativeBuffer

  /// The size of the file, in bytes.
  public var byteCount: Int { buffer.byteCount }

  /// Keeps the bytes of the file valid until the pin ends, whatever happens to the picture. `Pin.span` reads them
  /// without a closure.
  ///
  /// - Throws: `pixelsUnavailable` if the picture was disposed.
  public func pin() throws(BitmapError) -> Pin {
    do { return try buffer.pin() } catch { throw BitmapError(accessFailedWith: error) }
  }

  /// Calls `body` with the bytes of the file.
  public func withBytes<R>(_ body: (RawSpan) throws -> R) throws -> R { try buffer.withBytes(body) }

  /// A copy of the bytes as an array, Foundation's `Data` or another collection of bytes. The copy is independent, and
  /// the ledger does not count its memory.
  ///
  ///     let data = try picture.copied(as: Data.self)
  ///
  /// Costs a copy, and a second copy for types other than an array: they are filled from an array, and never see the
  /// picture's memory.
  ///
  /// - Throws: `pixelsUnavailable` if the picture was disposed.
  public func copied<Bytes: RangeReplaceableCollection>(
    as type: Bytes.Type = [UInt8].self
  ) throws(BitmapError) -> Bytes where Bytes.Element == UInt8 {
    // A pointer could be kept beyond the picture's life; an array cannot do harm if it is kept.
    let array: [UInt8]
    do { array = try [UInt8](buffer) } catch { throw BitmapError(accessFailedWith: error) }
    return array as? Bytes ?? Bytes(array)
  }

  public var isDisposed: Bool { buffer.isDisposed }

  /// Releases the bytes, for every copy of this value. Returns whether this call released them; later calls do nothing.
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    buffer.dispose(file: file, line: line, function: function)
  }
}

extension EncodedPicture {
  /// Encodes into a buffer that is usually large enough. If it is not, encodes again into a buffer that fits.
  ///
  /// - Throws: `limitExceeded` if the file would be larger than `maximumByteCount`; the errors of the codec. No memory
  ///   is left after any error: the writer disposes it.
  init(
    _ encoding: PictureEncoding, of bitmap: Bitmap, maximumByteCount: Int, context: AllocationContext
  ) throws(BitmapError) {
    let format = encoding.format
    guard maximumByteCount >= 0 else {
      throw BitmapError(.invalidArgument, "a file cannot have \(maximumByteCount) bytes.", format: format)
    }
    var capacity = min(encoding.encoder.firstCapacity(for: bitmap), maximumByteCount)
    for _ in 0..<2 {
      var writer = try context.writer(reserving: capacity)
      switch try encoding.encoder.encode(bitmap, into: &writer) {
      case .fits:
        self.init(format: format, buffer: writer.finish())
        return
      case .needs(let byteCount): capacity = byteCount
      }
      guard capacity <= maximumByteCount else {
        throw BitmapError(
          tooLarge: bitmap, format, limit: "maximumByteCount", needed: capacity, allowed: maximumByteCount)
      }
    }
    throw BitmapError(.pixelsUnavailable, "the pixels changed while they were encoded.", format: format)
  }

  /// The same bytes in memory that is at most a quarter or 4 KiB larger, because a picture may be kept for long. If the
  /// bytes must be copied for that, the old buffer is disposed, even after an error.
  ///
  /// The first capacity is enough for nearly every picture, and so it is several times too much for most of them.
  func trimmed(context: AllocationContext) throws(BitmapError) -> EncodedPicture {
    guard buffer.allocatedByteCount > byteCount + max(byteCount / 4, 4_096) else { return self }
    defer { context.dispose(buffer) }
    return EncodedPicture(format: format, buffer: try context.copy(of: buffer))
  }
}

extension EncodedPicture {
  /// Writes the bytes as a file, completely or not at all, like
  /// ``Bitmap/writeJPEG(toFileAt:quality:arena:file:line:function:)``. For an open file, a pipe or a socket, there is
  /// `write(to:)` of ``buffer``.
  ///
  /// - Throws: `unwritableFile` if the file cannot be created or written, or if the path leads to a folder, pipe,
  ///   socket or device; `pixelsUnavailable` if the picture was disposed.
  public func write(toFileAt path: String) throws(BitmapError) {
    do throws(BitmapError) {
      try unsafe buffer.reading { bytes throws(BitmapError) in
        try unsafe AtomicFile.write(bytes, toFileAt: path)
      }
    } catch {
      throw error.naming(path)
    }
  }
}

extension PictureEncoder {
  /// Encodes a bitmap of the format of ``writtenFormat(for:)`` into the room that a writer without bytes has. If the
  /// file does not fit, the writer stays empty.
  fileprivate func encode(
    _ bitmap: Bitmap, into writer: inout NativeByteWriter
  ) throws(BitmapError) -> EncodingResult {
    var outcome = Result<EncodingResult, BitmapError>.success(.fits(byteCount: 0))
    do throws(NativeBufferError) {
      try writer.append(upTo: writer.capacity) { span in
        unsafe span.withUnsafeMutableBytes { bytes, count in
          outcome = Result { () throws(BitmapError) in try unsafe encode(bitmap, into: bytes) }
          // SAFETY: the encoder has written the bytes of a file that fits.
          if case .success(.fits(let byteCount)) = outcome { count = byteCount }
        }
      }
    } catch {
      throw BitmapError(accessFailedWith: error)
    }
    return try outcome.get()
  }
}
