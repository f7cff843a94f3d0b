// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

extension Bitmap {
  /// Calls `body` with all rows, as bytes. O(1).
  ///
  /// - Throws: What `body` throws; `pixelsUnavailable` if the bitmap was disposed or is being written.
  public func withRows<R>(_ body: (PixelRows<UInt8>) throws -> R) throws -> R {
    try unsafe withRows(of: UInt8.self, width: rowByteCount, body)
  }

  /// Calls `body` with all rows as bytes, to change them. If the closure puts other rows in the place of the ones it
  /// was lent, the program ends. O(1), plus a copy of the picture if the pixels are shared: see ``Bitmap``.
  ///
  /// - Throws: What `body` throws; `pixelsUnavailable` if the bitmap was disposed; `outOfMemory` if there is no memory
  ///   for the copy; `cancelled` if the task is cancelled while the copy is made.
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
  /// - Throws: As ``withRows(_:)``; `invalidArgument` if the type does not fit the bitmap's format.
  public func withPixels<Pixel: BitmapPixel, R>(
    as type: Pixel.Type, _ body: (PixelRows<Pixel>) throws -> R
  ) throws -> R {
    try format.require(type)
    return try unsafe withRows(of: type, width: width, body)
  }

  /// Calls `body` with all rows as pixels of a type, to change them. Like ``withMutableRows(file:line:function:_:)``.
  ///
  /// - Throws: As ``withMutableRows(file:line:function:_:)``; `invalidArgument` if the type does not fit the bitmap's
  ///   format.
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
      // SAFETY: every row has `width` elements of the type, and the pin is held until `body` returns.
      let rows = unsafe PixelRows<Pixel>(
        base: base, bytesPerRow: bytesPerRow, width: width, rows: 0..<height, owner: pixels)
      return try body(rows)
    }
  }

  /// The same rows, to change. Does not copy.
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
  /// Throws if a type does not describe pixels of this format.
  func require<Pixel: BitmapPixel>(_ type: Pixel.Type) throws(BitmapError) {
    // The promise is empty, but it is read on purpose: if a type's `bitPatterns` traps instead of promising, it traps
    // here.
    _ = type.bitPatterns
    guard type.formats.contains(self), MemoryLayout<Pixel>.stride == bytesPerPixel,
      MemoryLayout<Pixel>.alignment <= bytesPerChannel
    else {
      throw BitmapError(
        .invalidArgument, "\(type) is not what pixels of \(self) are. Take another type, or convert the bitmap.")
    }
  }
}
