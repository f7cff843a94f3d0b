// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// The bitmap as a Netpbm file (PBM, PGM, PPM or PAM), in a native buffer. It is only useful for tests, and for
  /// programs that know no other format: nothing is compressed.
  ///
  /// If the variant does not write the bitmap's format, it is converted first, which costs a copy of the picture: BGRA
  /// and premultiplied formats to RGBA, floats to 16 bits.
  ///
  /// - Throws: `limitExceeded` if the file would be larger than `maximumByteCount`; `outOfMemory` if there is no memory
  ///   for the result; `pixelsUnavailable` if the bitmap was disposed or is being written; `cancelled` if the calling
  ///   task is cancelled.
  public func encodedNetpbm(
    _ variant: NetpbmVariant = .binary, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .netpbm(variant), maximumByteCount: maximumByteCount, arena: arena, file: file, line: line, function: function
    )
  }
}
