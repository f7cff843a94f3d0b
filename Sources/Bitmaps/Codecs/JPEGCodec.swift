// SPDX-License-Identifier: Apache-2.0

import CImageCodecs
import NativeBuffers

/// Calls libjpeg-turbo: passes arguments in and reports out, and holds no pixels.
enum JPEGCodec {
  /// - Parameter endsAtSize: The bytes are no more than the part of the header that has the size.
  static func inspect(
    _ bytes: UnsafeRawBufferPointer, endsAtSize: Bool = false, limits: DecodingLimits, watch: WorkDeadline
  ) throws(BitmapError) -> PictureInfo {
    var info = cimage_jpeg_info()
    var report = cimage_report()
    try unsafe watch.withCodecWatch { watch in
      _ = unsafe cimage_jpeg_inspect(bytes.baseAddress, bytes.count, endsAtSize, watch, &info, &report)
    }
    if let error = BitmapError(report, format: .jpeg, limits: limits, watch: watch) { throw error }
    var found = PictureInfo(
      format: .jpeg, width: Int(info.width), height: Int(info.height),
      pixelFormat: info.color == CIMAGE_JPEG_GRAY ? .gray8 : .rgb8, isProgressive: info.progressive,
      codecByteCount: info.whole_image_buffered ? Int(clamping: info.coefficient_bytes) : 0)
    if info.luma { found.richestGray = .gray8 }
    found.isHeaderWhole = !endsAtSize
    return found
  }

  /// The strongest reduction that libjpeg can make while it decodes, and that leaves at least `minimumWidth`.
  static func denominator(for width: Int, minimumWidth: Int?) -> Int {
    guard let minimumWidth else { return 1 }
    return [8, 4, 2].first { reduced(width, by: $0) >= minimumWidth } ?? 1
  }

  /// A side of a picture decoded at 1/`denominator`, as libjpeg rounds it.
  static func reduced(_ side: Int, by denominator: Int) -> Int {
    (side + denominator - 1) / denominator
  }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, denominator: Int, limits: DecodingLimits, watch: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(watch) { rows, watch in
      _ = unsafe cimage_jpeg_decode(
        bytes.baseAddress, bytes.count, UInt32(denominator), limits.workingMemoryByteCount,
        UInt32(clamping: limits.scanCount), watch, rows, &report)
    }
    if let error = BitmapError(report, format: .jpeg, limits: limits, watch: watch) { throw error }
    return report.pictureWarnings(of: .jpeg)
  }

  static func encode(
    _ bitmap: Bitmap, quality: Int, comment: String?, into bytes: UnsafeMutableRawBufferPointer
  ) throws(BitmapError) -> EncodingResult {
    var report = cimage_report()
    var needed = 0
    try unsafe bitmap.withReadOnlyCodecRows(WorkDeadline()) { rows, profile, watch in
      _ = unsafe cimage_jpeg_encode(
        rows, Int32(quality), profile, comment, watch, bytes.baseAddress, bytes.count, &needed, &report)
    }
    return try EncodingResult(report, needed: needed, format: .jpeg)
  }
}

/// The result of an attempt to encode into bounded memory.
enum EncodingResult {
  case fits(byteCount: Int)
  case needs(byteCount: Int)

  init(_ report: cimage_report, needed: Int, format: PictureFormat) throws(BitmapError) {
    if report.status == CIMAGE_OUTPUT_FULL {
      self = .needs(byteCount: needed)
    } else if let error = BitmapError(report, format: format, limits: nil) {
      throw error
    } else {
      self = .fits(byteCount: needed)
    }
  }
}

extension PixelFormat {
  /// Nil for formats that the codecs do not read or write. They are converted.
  var codecLayout: cimage_layout? {
    switch kind {
    case .gray8: CIMAGE_GRAY8
    case .rgb8: CIMAGE_RGB8
    case .rgba8: CIMAGE_RGBA8
    default: nil
    }
  }
}

extension PixelFormat {
  /// The layout of formats that only libpng reads and writes.
  var wideCodecLayout: cimage_layout? {
    switch kind {
    case .gray16: CIMAGE_GRAY16
    case .rgba16: CIMAGE_RGBA16
    default: nil
    }
  }
}

extension Bitmap {
  func withCodecRows(
    _ watch: WorkDeadline, _ body: (cimage_rows, cimage_watch) -> Void
  ) throws(BitmapError) {
    try unsafe withUnsafeMutableRows { rows throws(BitmapError) in
      let rows = unsafe try codecRows(at: rows.base)
      try unsafe watch.withCodecWatch { watch in unsafe body(rows, watch) }
    }
  }

  /// The ICC data is passed along if it fits the colours.
  func withReadOnlyCodecRows(
    _ watch: WorkDeadline, _ body: (cimage_rows, cimage_profile, cimage_watch) -> Void
  ) throws(BitmapError) {
    try unsafe withUnsafeRows { rows throws(BitmapError) in
      // SAFETY: C has one type for both directions; the encoder only reads.
      let rows = unsafe try codecRows(at: UnsafeMutableRawPointer(mutating: rows.base))
      let data = colorProfile.fitting(format).iccData ?? []
      try unsafe watch.withCodecWatch { watch in
        unsafe data.withUnsafeBytes { bytes in
          unsafe body(rows, cimage_profile(bytes: bytes.baseAddress, count: bytes.count), watch)
        }
      }
    }
  }

  private func codecRows(at base: UnsafeMutableRawPointer) throws(BitmapError) -> cimage_rows {
    guard let layout = format.codecLayout ?? format.wideCodecLayout else {
      throw BitmapError(.unsupported, "the codecs do not know \(format). Convert the bitmap to rgba8 or gray8 before.")
    }
    // Sizes beyond 32 bits saturate, and no codec accepts them.
    return unsafe cimage_rows(
      base: base, bytes_per_row: bytesPerRow, width: UInt32(clamping: width), height: UInt32(clamping: height),
      layout: layout)
  }
}
