// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

// The form in which the C code of the codecs gets the pixels of a bitmap: rows of a layout.

extension PixelFormat {
  /// Nil for formats that not all codecs read and write.
  var codecLayout: cimage_layout? {
    switch kind {
    case .gray8: CIMAGE_GRAY8
    case .rgb8: CIMAGE_RGB8
    case .rgba8: CIMAGE_RGBA8
    default: nil
    }
  }

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
    _ deadline: WorkDeadline, _ body: (cimage_rows, cimage_watch) -> Void
  ) throws(BitmapError) {
    try unsafe withUnsafeMutableRows { rows throws(BitmapError) in
      let rows = unsafe try codecRows(at: rows.base)
      try unsafe deadline.withCodecWatch { watch in unsafe body(rows, watch) }
    }
  }

  /// Encodes the bitmap by a codec's library. `body` calls the library, which sets the report, and how many bytes the
  /// picture takes. The ICC data is passed along if it fits the colours.
  func encoded(
    as format: PictureFormat,
    by body: (cimage_rows, cimage_profile, cimage_watch, _ needed: inout Int, inout cimage_report) -> Void
  ) throws(BitmapError) -> EncodingResult {
    var report = cimage_report()
    var needed = 0
    try unsafe withUnsafeRows { rows throws(BitmapError) in
      // SAFETY: C has one type for both directions; the encoder only reads.
      let rows = unsafe try codecRows(at: UnsafeMutableRawPointer(mutating: rows.base))
      let data = colorProfile.fitting(self.format).iccData ?? []
      try unsafe WorkDeadline().withCodecWatch { watch in
        unsafe data.withUnsafeBytes { bytes in
          let profile = unsafe cimage_profile(bytes: bytes.baseAddress, count: bytes.count)
          unsafe body(rows, profile, watch, &needed, &report)
        }
      }
    }
    return try EncodingResult(report, needed: needed, format: format)
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

  var profileByteCount: Int { colorProfile.iccData?.count ?? 0 }
}
