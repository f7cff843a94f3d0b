// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

extension Bitmap {
  /// A bitmap of pixels in memory that other code allocated, without a copy.
  ///
  /// The ledger counts the memory in the domain "adopted memory", which no allocator audits. Changes are made in place
  /// while this value is the only one that has the pixels. If a change makes a copy, the copy lies in the shared arena.
  ///
  /// - Parameters:
  ///   - pointer: The first pixel. The memory is initialised, and no other code uses it from now on.
  ///   - width: In pixels; at least 1.
  ///   - height: In pixels; at least 1.
  ///   - bytesPerRow: The distance from a row to the next. The memory may end with the last pixel of the last row.
  ///   - format: The format of the pixels.
  ///   - colorProfile: What the colours mean; it is kept when the picture is written.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  ///   - deallocator: Called once with `pointer`, when the last value that shares the pixels is gone or one of them was
  ///     disposed, and no pin is left. It runs on the thread where that happens. It is not called if this throws.
  /// - Throws: `invalidArgument` if a dimension is below 1, `bytesPerRow` does not fit, or `pointer` is not aligned for
  ///   the format's channels; `outOfMemory` if the ledger is full.
  public init(
    unsafeWrapping pointer: UnsafeMutableRawPointer, width: Int, height: Int, bytesPerRow: Int, format: PixelFormat,
    colorProfile: ColorProfile = .sRGB,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    deallocator: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
  ) throws(BitmapError) {
    let layout = try RowLayout(width: width, height: height, format: format, bytesPerRow: bytesPerRow)
    guard UInt(bitPattern: pointer) % UInt(format.bytesPerChannel) == 0 else {
      throw BitmapError(
        .invalidArgument, "pixels of \(format) start at an address that is a multiple of \(format.bytesPerChannel).")
    }
    do {
      let pixels = try unsafe NativeBuffer(
        unsafeAdopting: pointer, byteCount: layout.byteCount, file: file, line: line, function: function,
        deallocator: deallocator)
      self.init(layout, pixels: pixels, colorProfile: colorProfile)
    } catch {
      throw BitmapError(allocationOf: layout.byteCount, failedWith: error)
    }
  }

  /// Calls `body` with the address of the first pixel and the distance from a row to the next in bytes, as C functions
  /// take them. Do not use the address after `body` has returned, and do not write to the memory.
  ///
  /// - Throws: What `body` throws; `pixelsUnavailable` if the bitmap was disposed or is being written.
  public func withUnsafePixels<R>(
    _ body: (_ base: UnsafeRawPointer, _ bytesPerRow: Int) throws -> R
  ) throws -> R {
    try readingBytes { bytes in
      try unsafe bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { throw BitmapError.emptyBuffer }
        return try unsafe body(base + offset, bytesPerRow)
      }
    }
  }

  /// Like ``withUnsafePixels(_:)``, but to write pixels. Do not write between or behind the rows. If the pixels are
  /// shared, the picture is copied first: see ``Bitmap``.
  public mutating func withUnsafeMutablePixels<R>(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: (_ base: UnsafeMutableRawPointer, _ bytesPerRow: Int) throws -> R
  ) throws -> R {
    try makeUnique(file: file, line: line, function: function)
    return try unsafe changingBytes { bytes in
      guard let base = bytes.baseAddress else { throw BitmapError.emptyBuffer }
      return try unsafe body(base + offset, bytesPerRow)
    }
  }
}
