import NativeBuffers

extension Bitmap {
  /// Calls `body` with all rows, as bytes. O(1).
  ///
  /// Throws what `body` throws; `pixelsUnavailable` where the bitmap was disposed or is being written.
  public func withRows<R>(_ body: (PixelRows<UInt8>) throws -> R) throws -> R {
    try unsafe withRows(of: UInt8.self, width: rowByteCount, body)
  }

  /// Calls `body` with all rows as bytes, to change them. The rows are to stay in their place: a closure that leaves others
  /// there ends the program. O(1), and a copy of the picture where the pixels are shared: see
  /// ``Bitmap``.
  ///
  /// Throws what `body` throws; `pixelsUnavailable` where the bitmap was disposed, `outOfMemory` where there is none for
  /// the copy, `cancelled` where the task is while the copy is made.
  public mutating func withMutableRows<R>(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: (inout MutablePixelRows<UInt8>) throws -> R
  ) throws -> R {
    try makeUnique(file: file, line: line, function: function)
    return try unsafe withMutableRows(of: UInt8.self, width: rowByteCount, body)
  }

  /// Calls `body` with all rows, as pixels of a type. O(1).
  ///
  ///     let brightest = try bitmap.withPixels(as: Gray8.self) { rows in
  ///       rows.rows.reduce(0) { most, y in max(most, rows[0, y].gray) }
  ///     }
  ///
  /// Throws as ``withRows(_:)``, and `invalidArgument` where the type is not for the bitmap's format.
  public func withPixels<Pixel: BitmapPixel, R>(
    as type: Pixel.Type, _ body: (PixelRows<Pixel>) throws -> R
  ) throws -> R {
    try format.require(type)
    return try unsafe withRows(of: type, width: width, body)
  }

  /// Calls `body` with all rows as pixels of a type, to change them. As ``withMutableRows(file:line:function:_:)``, and
  /// throws `invalidArgument` where the type is not for the bitmap's format.
  public mutating func withMutablePixels<Pixel: BitmapPixel, R>(
    as type: Pixel.Type, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: (inout MutablePixelRows<Pixel>) throws -> R
  ) throws -> R {
    try format.require(type)
    try makeUnique(file: file, line: line, function: function)
    return try unsafe withMutableRows(of: type, width: width, body)
  }

  /// Rows of `width` elements of a type that fits the format.
  @unsafe
  private func withRows<Pixel: BitwiseCopyable, R>(
    of type: Pixel.Type, width: Int, _ body: (PixelRows<Pixel>) throws -> R
  ) throws -> R {
    try unsafe withUnsafePixels { base, bytesPerRow in
      // SAFETY: every row has so many elements there, and the pin is held until `body` returns.
      let rows = unsafe PixelRows<Pixel>(
        base: base, bytesPerRow: bytesPerRow, width: width, rows: 0..<height, owner: pixels)
      return try body(rows)
    }
  }

  /// As above, to change; does not copy.
  @unsafe
  private func withMutableRows<Pixel: BitwiseCopyable, R>(
    of type: Pixel.Type, width: Int, _ body: (inout MutablePixelRows<Pixel>) throws -> R
  ) throws -> R {
    try unsafe changingBytes { bytes in
      guard let base = bytes.baseAddress else { throw BitmapError.emptyBuffer }
      // SAFETY: as above; the pin is exclusive.
      var rows = unsafe MutablePixelRows<Pixel>(
        base: base + offset, bytesPerRow: bytesPerRow, width: width, rows: 0..<height, owner: pixels)
      defer {
        if unsafe !rows.areRows(at: base + offset, bytesPerRow: bytesPerRow, width: width, rows: 0..<height) {
          pixels.failExchanged()
        }
      }
      return try body(&rows)
    }
  }
}

extension PixelFormat {
  /// Throws where a type is not what pixels of this format are.
  func require<Pixel: BitmapPixel>(_ type: Pixel.Type) throws(BitmapError) {
    // Asked for, though there is nothing in it: a type that evades the promise ends here.
    _ = type.bitPatterns
    guard type.formats.contains(self), MemoryLayout<Pixel>.stride == bytesPerPixel,
      MemoryLayout<Pixel>.alignment <= bytesPerChannel
    else {
      throw BitmapError(
        .invalidArgument, "\(type) is not what pixels of \(self) are. Take another type, or convert the bitmap.")
    }
  }
}
