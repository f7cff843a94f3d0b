// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// The bitmap as a WebP, in a native buffer.
  ///
  /// A bitmap with other channels than `rgb8` and `rgba8` have is converted first, and more than 8 bits are rounded,
  /// which costs a copy of the picture. While this runs, libwebp takes memory from malloc, which no limit bounds: 4
  /// bytes a pixel for its own copy, and the same again if `isLossless`. It frees all of it.
  ///
  /// - Parameters:
  ///   - quality: 0 to 100. For lossless pictures, how much time may be spent to make the file smaller.
  ///   - isLossless: Whether every pixel is kept exactly, including the colours of transparent pixels.
  ///   - maximumByteCount: The greatest size of the file. A larger file throws `limitExceeded` with the size it would
  ///     have.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `invalidArgument` if an argument is out of range; `limitExceeded` if the file would be larger than
  ///   `maximumByteCount`; `outOfMemory` if there is no memory for the codec or the result; `pixelsUnavailable` if the
  ///   bitmap was disposed or is being written; `cancelled` if the calling task is cancelled; `unsupported` if a side
  ///   is greater than WebP's 16,383.
  public func encodedWebP(
    quality: Int = 80, isLossless: Bool = false, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .webP(quality: quality, isLossless: isLossless), maximumByteCount: maximumByteCount, arena: arena, file: file,
      line: line, function: function)
  }

  /// Writes the bitmap as a WebP file, completely or not at all, like
  /// ``writeJPEG(toFileAt:quality:arena:file:line:function:)``.
  ///
  /// - Throws: As ``encodedWebP(quality:isLossless:maximumByteCount:arena:file:line:function:)``; `unwritableFile` if
  ///   the file cannot be created or written.
  public func writeWebP(
    toFileAt path: String, quality: Int = 80, isLossless: Bool = false, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    try write(.webP(quality: quality, isLossless: isLossless), toFileAt: path, context: context)
  }
}
