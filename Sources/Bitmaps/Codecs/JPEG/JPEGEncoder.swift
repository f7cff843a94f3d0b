// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Writes baseline JPEGs by libjpeg-turbo.
struct JPEGEncoder: PictureEncoder {
  static let format = PictureFormat.jpeg

  let quality: Int
  /// At most 65,533 bytes of UTF-8, without a NUL; it comes right behind the JFIF header.
  var comment: String?

  func check() throws(BitmapError) {
    guard (1...100).contains(quality) else {
      throw BitmapError(.invalidArgument, "a JPEG quality of \(quality) cannot be; give 1 to 100.", format: .jpeg)
    }
  }

  func writtenFormat(for format: PixelFormat) -> PixelFormat {
    format.hasAlpha || format.codecLayout == nil ? (format.isGray ? .gray8 : .rgb8) : format
  }

  /// Half a byte per pixel holds nearly every photo.
  func firstCapacity(for bitmap: Bitmap) -> Int {
    bitmap.width * bitmap.height / 2 + bitmap.profileByteCount + (comment?.utf8.count ?? 0) + 32_768
  }

  func encode(_ bitmap: Bitmap, into bytes: UnsafeMutableRawBufferPointer) throws(BitmapError) -> EncodingResult {
    try unsafe bitmap.encoded(as: Self.format) { rows, profile, watch, needed, report in
      _ = unsafe cimage_jpeg_encode(
        rows, Int32(quality), profile, comment, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
  }
}

extension PictureEncoding {
  /// JPEG, with the options of ``Bitmap/encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``.
  public static func jpeg(quality: Int = 85) -> PictureEncoding {
    PictureEncoding(encoder: JPEGEncoder(quality: quality))
  }
}
