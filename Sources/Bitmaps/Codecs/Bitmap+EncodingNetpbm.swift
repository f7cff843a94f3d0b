public import NativeBuffers

extension Bitmap {
  /// The bitmap as a Netpbm file (PBM, PGM, PPM or PAM), in a native buffer. Of no other use than exchange with programs
  /// that know nothing else, and tests: nothing is compressed.
  ///
  /// Formats that the variant does not write are converted before, which costs a copy of the picture: BGRA and
  /// premultiplied ones to RGBA, floats to 16 bits.
  ///
  /// - Throws: `limitExceeded` where the file would have more than `maximumByteCount` bytes; `outOfMemory`,
  ///   `pixelsUnavailable`, `cancelled`.
  public func encodedNetpbm(
    _ variant: NetpbmVariant = .binary, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .netpbm(variant), maximumByteCount: maximumByteCount, arena: arena, file: file, line: line, function: function
    )
  }
}
