// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Writes PNGs by libpng.
struct PNGEncoder: PictureEncoder {
  static let format = PictureFormat.png

  /// zlib's level.
  let compression: Int

  func check() throws(BitmapError) {
    guard (0...9).contains(compression) else {
      throw BitmapError(.invalidArgument, "a PNG compression of \(compression) cannot be; give 0 to 9.", format: .png)
    }
  }

  func writtenFormat(for format: PixelFormat) throws(BitmapError) -> PixelFormat {
    guard format.channel != .float32 else {
      throw BitmapError(
        .unsupported,
        "a PNG has 8 or 16 bits a channel, and \(format) more. Convert the bitmap to rgba16 or gray16 before, "
          + "which rounds it.", format: .png)
    }
    return format.codecLayout == nil && format.wideCodecLayout == nil ? .rgba8 : format
  }

  func firstCapacity(for bitmap: Bitmap) -> Int { Self.byteCountBound(of: bitmap) + 2 * bitmap.profileByteCount }

  /// More than any PNG of the bitmap takes, so that no picture is encoded twice: zlib's most cautious bound, and the
  /// chunks.
  static func byteCountBound(of bitmap: Bitmap) -> Int {
    // Cannot overflow: the rows are in memory, and 1.2 times as many bytes can be addressed.
    let filtered = (bitmap.width * bitmap.format.bytesPerPixel + 1) * bitmap.height
    return filtered + filtered / 8 + filtered / 32 + 1024
  }

  func encode(_ bitmap: Bitmap, into bytes: UnsafeMutableRawBufferPointer) throws(BitmapError) -> EncodingResult {
    try unsafe bitmap.encoded(as: Self.format) { rows, profile, watch, needed, report in
      _ = unsafe cimage_png_encode(
        rows, Int32(compression), profile, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
  }
}

extension PictureEncoding {
  /// PNG, with the options of ``Bitmap/encodedPNG(compression:maximumByteCount:arena:file:line:function:)``.
  public static func png(compression: Int = 6) -> PictureEncoding {
    PictureEncoding(encoder: PNGEncoder(compression: compression))
  }
}
