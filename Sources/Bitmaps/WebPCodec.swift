import CImageCodecs
import NativeBuffers

/// WebP by libwebp: arguments in, reports out, no pixels of its own.
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

  /// Throws where the container says that there is more: before anything is allocated for the pixels.
  ///
  /// The pixels may be whole all the same; what is missing then can be the EXIF data that says how they are turned.
  /// Bytes behind the container are allowed.
  static func checkByteCount(_ bytes: UnsafeRawBufferPointer) throws(BitmapError) {
    let there = bytes.count
    guard let announced = unsafe BoundedReader(bytes: bytes.bytes).integer(at: 4, byteCount: 4, isLittle: true),
      announced + 8 <= there
    else {
      throw BitmapError(
        .truncated,
        "the WebP data ends early: its container is larger than the \(there) bytes there. "
          + "Fetch the file again from where it came from.",
        format: .webp)
    }
  }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkWatch, into bitmap: Bitmap
  ) throws(BitmapError) {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(watch) { rows, watch in
      _ = unsafe cimage_webp_decode(bytes.baseAddress, bytes.count, watch, rows, &report)
    }
    if let error = BitmapError(report, format: .webp, limits: limits, watch: watch) { throw error }
  }

  static func encode(
    _ bitmap: Bitmap, quality: Int, isLossless: Bool, into bytes: UnsafeMutableRawBufferPointer
  ) throws(BitmapError) -> EncodingResult {
    var report = cimage_report()
    var needed = 0
    try unsafe bitmap.withReadOnlyCodecRows(WorkWatch()) { rows, profile, watch in
      _ = unsafe cimage_webp_encode(
        rows, Float(quality), isLossless, profile, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
    return try EncodingResult(report, needed: needed, format: .webp)
  }
}
