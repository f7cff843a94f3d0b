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
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    return try encodedNetpbm(variant, maximumByteCount: maximumByteCount, origin: origin)
  }

  private func encodedNetpbm(
    _ variant: NetpbmVariant, maximumByteCount: Int, origin: Origin
  ) throws(BitmapError) -> EncodedPicture {
    let written = variant.written(format)
    guard written == format else {
      let plain = try converted(to: written, origin: origin)
      defer { origin.dispose(plain) }
      return try plain.encodedNetpbm(variant, maximumByteCount: maximumByteCount, origin: origin)
    }
    return try unsafe EncodedPicture(
      format: .netpbm, of: self, firstCapacity: NetpbmWriter.byteCountBound(of: self, variant),
      maximumByteCount: maximumByteCount, origin: origin
    ) { bytes throws(BitmapError) in
      try unsafe NetpbmWriter.encode(self, variant, into: bytes)
    }
  }
}
