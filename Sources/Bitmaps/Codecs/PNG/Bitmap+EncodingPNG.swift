// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// The bitmap as a PNG, in a native buffer. Every pixel is kept exactly, alpha included. Premultiplied formats are
  /// first converted to `rgba8`.
  ///
  /// Besides the result, this costs memory for the uncompressed picture while it runs, of which only as much as the
  /// file has is touched. libpng and zlib take about 300 KB from malloc, and free all of it.
  ///
  /// - Parameters:
  ///   - compression: zlib's level, 0 (none) to 9 (smallest). Levels above 6 take several times longer and gain little.
  ///   - maximumByteCount: The greatest size of the file. A larger file throws `limitExceeded` with the size it would
  ///     have.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `invalidArgument` if an argument is out of range; `limitExceeded` if the file would be larger than
  ///   `maximumByteCount`; `outOfMemory` if there is no memory for the codec or the result; `pixelsUnavailable` if the
  ///   bitmap was disposed or is being written; `cancelled` if the calling task is cancelled; `unsupported` if the
  ///   format has floats, or a side is greater than PNG's 2,147,483,647.
  public func encodedPNG(
    compression: Int = 6, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .png(compression: compression), maximumByteCount: maximumByteCount, arena: arena, file: file, line: line,
      function: function)
  }

  /// Writes the bitmap as a PNG file, completely or not at all, like
  /// ``writeJPEG(toFileAt:quality:arena:file:line:function:)``.
  ///
  /// - Throws: As ``encodedPNG(compression:maximumByteCount:arena:file:line:function:)``; `unwritableFile` if the file
  ///   cannot be created or written.
  public func writePNG(
    toFileAt path: String, compression: Int = 6, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    try write(.png(compression: compression), toFileAt: path, context: context)
  }
}
