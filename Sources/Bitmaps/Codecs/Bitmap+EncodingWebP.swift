public import NativeBuffers

extension Bitmap {
  /// The bitmap as a WebP, in a native buffer.
  ///
  /// Formats with other channels than `rgb8` and `rgba8` are converted before, more than 8 bits rounded, which costs a
  /// copy of the picture. libwebp takes memory of malloc's while this runs, which no limit bounds: 4 bytes a pixel for its
  /// own copy, and as much again where `isLossless`; it gives all of it back.
  ///
  /// - Parameters:
  ///   - quality: 0 to 100. Of lossless pictures, how much time may be spent to make the file smaller.
  ///   - isLossless: Every pixel is kept exactly, colours of transparent pixels too.
  ///   - maximumByteCount: The most that the file may have; more throws `limitExceeded` with the size it would have.
  /// - Throws: `invalidArgument`, `limitExceeded`, `outOfMemory`, `pixelsUnavailable`, `cancelled`; `unsupported` where a
  ///   side is beyond WebP's 16,383.
  public func encodedWebP(
    quality: Int = 80, isLossless: Bool = false, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .webP(quality: quality, isLossless: isLossless), maximumByteCount: maximumByteCount, arena: arena, file: file,
      line: line, function: function)
  }

  /// Writes the bitmap as a WebP file, at once or not at all, as
  /// ``writeJPEG(toFileAt:quality:arena:file:line:function:)`` does.
  ///
  /// - Throws: as ``encodedWebP(quality:isLossless:maximumByteCount:arena:file:line:function:)``, and `unwritableFile`.
  public func writeWebP(
    toFileAt path: String, quality: Int = 80, isLossless: Bool = false, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    try write(.webP(quality: quality, isLossless: isLossless), toFileAt: path, origin: origin)
  }
}
