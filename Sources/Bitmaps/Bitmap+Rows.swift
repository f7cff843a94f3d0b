import NativeBuffers

extension Bitmap {
  /// Calls `body` with the pixels of row `y`, without the padding behind them. O(1).
  ///
  /// Throws what `body` throws, and where the bitmap was disposed or is being written. Traps where there is no row `y`.
  public func withRow<R>(_ y: Int, _ body: (RawSpan) throws -> R) throws -> R {
    precondition((0..<height).contains(y), "Row \(y) of a bitmap with \(height) rows")
    let range = y * bytesPerRow..<y * bytesPerRow + width * format.bytesPerPixel
    return try pixels.withBytes { bytes in try body(bytes.extracting(range)) }
  }

  /// Calls `body` with the pixels of row `y` to change them. All copies of this bitmap see the change. O(1).
  ///
  /// Throws what `body` throws, and where the bitmap was disposed or is in use elsewhere. Traps where there is no row `y`.
  public func withMutableRow<R>(_ y: Int, _ body: (inout MutableRawSpan) throws -> R) throws -> R {
    precondition((0..<height).contains(y), "Row \(y) of a bitmap with \(height) rows")
    let range = y * bytesPerRow..<y * bytesPerRow + width * format.bytesPerPixel
    // SAFETY: the range lies within the buffer (RowLayout), and the span does not outlive the closure.
    return try unsafe pixels.withUnsafeMutableBytes { bytes in
      var row = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range]).mutableBytes
      return try body(&row)
    }
  }
}

/// Rows as the kernels of this module see them. Valid inside the closure that was given one.
@unsafe
struct UnsafeRows {
  let base: UnsafeRawPointer
  let bytesPerRow: Int

  subscript(y: Int) -> UnsafePointer<UInt8> {
    // SAFETY: pixels are bytes; the callers stay within the bitmap's height.
    unsafe base.advanced(by: y * bytesPerRow).assumingMemoryBound(to: UInt8.self)
  }
}

/// As ``UnsafeRows``, to be written.
@unsafe
struct UnsafeMutableRows {
  let base: UnsafeMutableRawPointer
  let bytesPerRow: Int

  subscript(y: Int) -> UnsafeMutablePointer<UInt8> {
    // SAFETY: pixels are bytes; the callers stay within the bitmap's height.
    unsafe base.advanced(by: y * bytesPerRow).assumingMemoryBound(to: UInt8.self)
  }
}

extension Bitmap {
  func withUnsafeRows<R>(_ body: (UnsafeRows) throws(BitmapError) -> R) throws(BitmapError) -> R {
    try unsafe pixels.reading { bytes throws(BitmapError) in
      // The buffer of a bitmap is never empty, so it has an address.
      guard let base = bytes.baseAddress else { throw .emptyBuffer }
      return try unsafe body(UnsafeRows(base: base, bytesPerRow: bytesPerRow))
    }
  }

  func withUnsafeMutableRows<R>(_ body: (UnsafeMutableRows) throws(BitmapError) -> R) throws(BitmapError) -> R {
    try unsafe pixels.writing { bytes throws(BitmapError) in
      guard let base = bytes.baseAddress else { throw .emptyBuffer }
      return try unsafe body(UnsafeMutableRows(base: base, bytesPerRow: bytesPerRow))
    }
  }
}

extension BitmapError {
  static var emptyBuffer: BitmapError { BitmapError(.pixelsUnavailable, "the pixel buffer has no memory.") }
}
