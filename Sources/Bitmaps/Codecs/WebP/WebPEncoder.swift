// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Writes WebPs by libwebp.
struct WebPEncoder: PictureEncoder {
  static let format = PictureFormat.webp
  /// libwebp takes it as a number of 32 bits.
  static let maximumBytesPerRow = Int(Int32.max)

  let quality: Int
  let isLossless: Bool

  func check() throws(BitmapError) {
    guard (0...100).contains(quality) else {
      throw BitmapError(.invalidArgument, "a WebP quality of \(quality) cannot be; give 0 to 100.", format: .webp)
    }
  }

  func writtenFormat(for format: PixelFormat) -> PixelFormat { format.hasAlpha ? .rgba8 : .rgb8 }

  func firstCapacity(for bitmap: Bitmap) -> Int {
    bitmap.width * bitmap.height * (isLossless ? 4 : 1) + bitmap.profileByteCount + 32_768
  }

  func encode(_ bitmap: Bitmap, into bytes: UnsafeMutableRawBufferPointer) throws(BitmapError) -> EncodingResult {
    try unsafe bitmap.encoded(as: Self.format) { rows, profile, watch, needed, report in
      _ = unsafe cimage_webp_encode(
        rows, Float(quality), isLossless, profile, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
  }
}

extension PictureEncoding {
  /// WebP, with the options of ``Bitmap/encodedWebP(quality:isLossless:maximumByteCount:arena:file:line:function:)``.
  public static func webP(quality: Int = 80, isLossless: Bool = false) -> PictureEncoding {
    PictureEncoding(encoder: WebPEncoder(quality: quality, isLossless: isLossless))
  }
}
