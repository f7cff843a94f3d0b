// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

extension Bitmap {
  /// Calls `body` with the pixels of row `y`, without the padding behind them. Traps if there is no row `y`. O(1).
  ///
  /// - Throws: What `body` throws; `pixelsUnavailable` if the bitmap was disposed or is being written.
  public func withRow<R>(_ y: Int, _ body: (RawSpan) throws -> R) throws -> R {
    precondition((0..<height).contains(y), "Row \(y) of a bitmap with \(height) rows")
    let start = offset + y * bytesPerRow
    return try readingBytes { bytes in try body(bytes.extracting(start..<start + rowByteCount)) }
  }

  /// Calls `body` with the pixels of row `y`, to change them. If the closure puts another span in the place of the one
  /// it was lent, the program ends. Traps if there is no row `y`. O(1), plus a copy of the picture if the pixels are
  /// shared: see ``Bitmap``.
  ///
  /// - Throws: What `body` throws; `pixelsUnavailable` if the bitmap was disposed; `outOfMemory` if there is no memory
  ///   for the copy; `cancelled` if the task is cancelled while the copy is made.
  public mutating func withMutableRow<R>(
    _ y: Int, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: (inout MutableRawSpan) throws -> R
  ) throws -> R {
    precondition((0..<height).contains(y), "Row \(y) of a bitmap with \(height) rows")
    try makeUnique(file: file, line: line, function: function)
    let start = offset + y * bytesPerRow
    // SAFETY: the range lies within the buffer (RowLayout), and the span does not outlive the closure.
    return try unsafe changingBytes { bytes in
      let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + rowByteCount])
      guard let base = memory.baseAddress else { throw BitmapError.emptyBuffer }
      var row = unsafe memory.mutableBytes
      defer { if unsafe !row.starts(at: base) { pixels.failExchanged() } }
      return try body(&row)
    }
  }

  /// `withBytes` of the whole buffer. Errors of the access become errors of this module; errors of `body` stay as they
  /// are.
  func readingBytes<R>(_ body: (RawSpan) throws -> R) throws -> R {
    let result: Result<R, any Error>
    do {
      result = try pixels.withBytes { bytes in
        do { return .success(try body(bytes)) } catch { return .failure(error) }
      }
    } catch {
      throw BitmapError(accessFailedWith: error)
    }
    return try result.get()
  }

  /// Like ``readingBytes(_:)``, but to change the bytes. Does not copy.
  func changingBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) throws -> R {
    let result: Result<R, any Error>
    do {
      result = try unsafe pixels.withUnsafeMutableBytes { bytes in
        do { return .success(try unsafe body(bytes)) } catch { return .failure(error) }
      }
    } catch {
      throw BitmapError(accessFailedWith: error)
    }
    return try result.get()
  }
}

/// Rows as the kernels of this module take them. Valid inside the closure that receives them.
@unsafe
struct UnsafeRows {
  let base: UnsafeRawPointer
  let bytesPerRow: Int

  subscript(y: Int) -> UnsafePointer<UInt8> {
    // SAFETY: pixels are bytes; the callers stay within the bitmap's height.
    unsafe base.advanced(by: y * bytesPerRow).assumingMemoryBound(to: UInt8.self)
  }
}

/// Like ``UnsafeRows``, but to be written.
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
  /// Lends the rows to read, from the first pixel of this bitmap on.
  func withUnsafeRows<R>(_ body: (UnsafeRows) throws(BitmapError) -> R) throws(BitmapError) -> R {
    try unsafe pixels.reading { bytes throws(BitmapError) in
      // The buffer of a bitmap is never empty, so it has an address.
      guard let base = bytes.baseAddress else { throw .emptyBuffer }
      return try unsafe body(UnsafeRows(base: base + offset, bytesPerRow: bytesPerRow))
    }
  }

  /// Lends the rows to read, and those of another bitmap to write: see ``withUnsafeMutableRows(_:)``.
  func withUnsafeRows<R>(
    to target: Bitmap, _ body: (UnsafeRows, UnsafeMutableRows) throws(BitmapError) -> R
  ) throws(BitmapError) -> R {
    try unsafe withUnsafeRows { source throws(BitmapError) in
      try unsafe target.withUnsafeMutableRows { target throws(BitmapError) in try unsafe body(source, target) }
    }
  }

  /// Lends the rows to write, without a copy. Call it only on a bitmap whose pixels no other value shares, such as a
  /// new one from ``AllocationContext``.
  func withUnsafeMutableRows<R>(_ body: (UnsafeMutableRows) throws(BitmapError) -> R) throws(BitmapError) -> R {
    try unsafe pixels.writing { bytes throws(BitmapError) in
      guard let base = bytes.baseAddress else { throw .emptyBuffer }
      return try unsafe body(UnsafeMutableRows(base: base + offset, bytesPerRow: bytesPerRow))
    }
  }
}

extension BitmapError {
  static var emptyBuffer: BitmapError { BitmapError(.pixelsUnavailable, "the pixel buffer has no memory.") }
}
