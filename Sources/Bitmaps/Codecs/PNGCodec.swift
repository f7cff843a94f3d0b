// SPDX-License-Identifier: Apache-2.0

import CImageCodecs
import NativeBuffers

/// Calls libpng: passes arguments in and reports out, and holds no pixels.
enum PNGCodec {
  static func inspect(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline
  ) throws(BitmapError) -> PictureInfo {
    var info = cimage_png_info()
    var report = cimage_report()
    try unsafe watch.withCodecWatch { watch in
      _ = unsafe cimage_png_inspect(
        bytes.baseAddress, bytes.count, limits.workingMemoryByteCount, watch, &info, &report)
    }
    if let error = BitmapError(report, format: .png, limits: limits, watch: watch) { throw error }
    var found = PictureInfo(
      format: .png, width: Int(info.width), height: Int(info.height),
      pixelFormat: info.alpha ? .rgba8 : info.color ? .rgb8 : .gray8, isProgressive: info.interlaced,
      // It takes two rows and zlib's window, and libpng's callbacks keep the limit exactly.
      codecByteCount: 0)
    if info.bit_depth == 16 { found.richestFormat = info.alpha || info.color ? .rgba16 : .gray16 }
    return found
  }

  /// How a decode ended, and how much memory libpng took.
  struct Outcome {
    /// Nil if the picture is whole.
    var error: BitmapError?
    var warnings: [PictureWarning]
    var peakByteCount: Int
    /// The blocks that libpng had not freed at the end. They were freed then. 0 unless libpng leaks.
    var outstandingBlockCount: Int
  }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    let outcome = try unsafe attempt(bytes, limits: limits, watch: watch, into: bitmap)
    if let error = outcome.error { throw error }
    return outcome.warnings
  }

  static func attempt(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> Outcome {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(watch) { rows, watch in
      _ = unsafe cimage_png_decode(
        bytes.baseAddress, bytes.count, limits.workingMemoryByteCount, watch, rows, &report)
    }
    return Outcome(
      error: BitmapError(report, format: .png, limits: limits, watch: watch),
      warnings: report.pictureWarnings(of: .png), peakByteCount: report.peak_bytes,
      outstandingBlockCount: report.outstanding_blocks)
  }

  static func encode(
    _ bitmap: Bitmap, compression: Int, into bytes: UnsafeMutableRawBufferPointer
  ) throws(BitmapError) -> EncodingResult {
    var report = cimage_report()
    var needed = 0
    try unsafe bitmap.withReadOnlyCodecRows(WorkDeadline()) { rows, profile, watch in
      _ = unsafe cimage_png_encode(
        rows, Int32(compression), profile, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
    return try EncodingResult(report, needed: needed, format: .png)
  }

  /// More than any PNG of the bitmap takes, so that no picture is encoded twice: zlib's most cautious bound, and the
  /// chunks.
  static func byteCountBound(of bitmap: Bitmap) -> Int {
    // Cannot overflow: the rows are in memory, and 1.2 times as many bytes can be addressed.
    let filtered = (bitmap.width * bitmap.format.bytesPerPixel + 1) * bitmap.height
    return filtered + filtered / 8 + filtered / 32 + 1024
  }
}
