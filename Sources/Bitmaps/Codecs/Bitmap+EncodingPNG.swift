public import NativeBuffers

extension Bitmap {
  /// The bitmap as a PNG, in a native buffer. Every pixel is kept exactly, alpha too; of premultiplied formats, what they
  /// are as `rgba8`. Formats of floats are refused (`unsupported`).
  ///
  /// Costs, beside the result, memory as for the uncompressed picture while this runs, of which only what the file takes
  /// is touched; libpng and zlib take some 300 KB of malloc's, and give all of it back.
  ///
  /// - Parameters:
  ///   - compression: zlib's level, 0 (none) to 9 (smallest). Levels above 6 take several times longer and gain little.
  ///   - maximumByteCount: The most that the file may have; more throws `limitExceeded` with the size it would have.
  /// - Throws: `invalidArgument`, `limitExceeded`, `outOfMemory`, `pixelsUnavailable`, `cancelled`; `unsupported` where a
  ///   side is beyond PNG's 2,147,483,647.
  public func encodedPNG(
    compression: Int = 6, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .png(compression: compression), maximumByteCount: maximumByteCount, arena: arena, file: file, line: line,
      function: function)
  }

  /// Writes the bitmap as a PNG file, at once or not at all, as
  /// ``writeJPEG(toFileAt:quality:arena:file:line:function:)`` does.
  ///
  /// - Throws: as ``encodedPNG(compression:maximumByteCount:arena:file:line:function:)``, and `unwritableFile`.
  public func writePNG(
    toFileAt path: String, compression: Int = 6, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    try write(.png(compression: compression), toFileAt: path, origin: origin)
  }
}
