// SPDX-License-Identifier: Apache-2.0

import CImageCodecs
import NativeBuffers

/// Calls libwebp: passes arguments in and reports out, and holds no pixels.
enum WebPCodec {
  static func inspect(_ bytes: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) -> PictureInfo {
    var info = cimage_webp_info()
    var report = cimage_report()
    _ = unsafe cimage_webp_inspect(bytes.baseAddress, bytes.count, &info, &report)
    if let error = BitmapError(report, format: .webp, limits: limits) { throw error }
    var found = PictureInfo(
      format: .webp, width: Int(info.width), height: Int(info.height), pixelFormat: info.alpha ? .rgba8 : .rgb8,
      isProgressive: false, codecByteCount: Int(clamping: info.working_bytes))
    found.isHeaderWhole = info.headed
    found.canShrink = !info.partial
    return found
  }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(watch) { rows, watch in
      _ = unsafe cimage_webp_decode(bytes.baseAddress, bytes.count, watch, rows, &report)
    }
    if let error = BitmapError(report, format: .webp, limits: limits, watch: watch) { throw error }
    // The missing part can be the EXIF data with the orientation. Bytes behind the container are allowed.
    let announced = unsafe BoundedReader(bytes: bytes.bytes).integer(at: 4, byteCount: 4, isLittle: true) ?? 0
    return announced + 8 > bytes.count ? [.missingEnd(.webp)] : []
  }

  static func encode(
    _ bitmap: Bitmap, quality: Int, isLossless: Bool, into bytes: UnsafeMutableRawBufferPointer
  ) throws(BitmapError) -> EncodingResult {
    var report = cimage_report()
    var needed = 0
    try unsafe bitmap.withReadOnlyCodecRows(WorkDeadline()) { rows, profile, watch in
      _ = unsafe cimage_webp_encode(
        rows, Float(quality), isLossless, profile, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
    return try EncodingResult(report, needed: needed, format: .webp)
  }
}
