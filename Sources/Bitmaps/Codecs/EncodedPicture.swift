// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

/// A picture as the bytes of a file, in a native buffer.
///
/// Copies of the value share the bytes; ``dispose()`` releases them for all copies at once.
public struct EncodedPicture: Sendable {
  public let format: PictureFormat
  /// The size of the file, in bytes. The buffer that holds it is usually larger.
  public let byteCount: Int
  let buffer: NativeBuffer

  /// Keeps the bytes of the file valid until the pin ends, whatever happens to the picture. `Pin.span` reads them
  /// without a closure.
  ///
  /// - Throws: `pixelsUnavailable` if the picture was disposed.
  public func pin() throws(BitmapError) -> Pin {
    do { return try buffer.slice(0..<byteCount).pin() } catch { throw BitmapError(accessFailedWith: error) }
  }

  /// Calls `body` with the bytes of the file.
  public func withBytes<R>(_ body: (RawSpan) throws -> R) throws -> R {
    try buffer.withBytes { bytes in try body(bytes.extracting(..<byteCount)) }
  }

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
    let array = try unsafe buffer.reading { bytes in unsafe [UInt8](bytes[..<byteCount]) }
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
  /// - Throws: `limitExceeded` if the file would be larger than `maximumByteCount`; the errors of the codec. No buffer
  ///   is left after any error.
  init(
    _ encoding: PictureEncoding, of bitmap: Bitmap, maximumByteCount: Int, context: AllocationContext
  ) throws(BitmapError) {
    let format = encoding.format
    guard maximumByteCount >= 0 else {
      throw BitmapError(.invalidArgument, "a file cannot have \(maximumByteCount) bytes.", format: format)
    }
    var capacity = min(encoding.encoder.firstCapacity(for: bitmap), maximumByteCount)
    for _ in 0..<2 {
      let buffer = try context.buffer(byteCount: capacity)
      do throws(BitmapError) {
        let result = try unsafe buffer.writing { bytes throws(BitmapError) in
          try unsafe encoding.encoder.encode(bitmap, into: bytes)
        }
        switch result {
        case .fits(let byteCount):
          self.init(format: format, byteCount: byteCount, buffer: buffer)
          return
        case .needs(let byteCount):
          context.dispose(buffer)
          capacity = byteCount
        }
      } catch {
        context.dispose(buffer)
        throw error
      }
      guard capacity <= maximumByteCount else {
        throw BitmapError(
          tooLarge: bitmap, format, limit: "maximumByteCount", needed: capacity, allowed: maximumByteCount)
      }
    }
    throw BitmapError(.pixelsUnavailable, "the pixels changed while they were encoded.", format: format)
  }

  /// The same bytes in a buffer of exactly their size. The old buffer is disposed, even after an error.
  func trimmed(context: AllocationContext) throws(BitmapError) -> EncodedPicture {
    defer { context.dispose(buffer) }
    let copy = try context.buffer(byteCount: byteCount)
    do throws(BitmapError) {
      try unsafe buffer.reading { source throws(BitmapError) in
        try unsafe copy.writing { target throws(BitmapError) in
          unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<byteCount]))
        }
      }
    } catch {
      context.dispose(copy)
      throw error
    }
    return EncodedPicture(format: format, byteCount: byteCount, buffer: copy)
  }

  /// Errors do not name the path; the caller adds it.
  func write(toFileAt path: String) throws(BitmapError) {
    try unsafe buffer.reading { bytes throws(BitmapError) in
      try unsafe AtomicFile.write(UnsafeRawBufferPointer(rebasing: bytes[..<byteCount]), toFileAt: path)
    }
  }
}
