// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Reads JPEGs by libjpeg-turbo: passes arguments in and reports out, and holds no pixels.
struct JPEGCodec: PictureCodec {
  static let format = PictureFormat.jpeg

  let limits: DecodingLimits
  private var segments: JPEGSegmentWalk

  init(limits: DecodingLimits, isProbing: Bool) {
    self.limits = limits
    segments = JPEGSegmentWalk(limits: isProbing ? nil : limits)
  }

  static func match(_ lead: LeadingBytes) -> LeadingBytes.Match { lead.starts(with: [0xFF, 0xD8, 0xFF]) }

  var metadata: PictureMetadata { segments.metadata }

  mutating func walk(_ file: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError) {
    try unsafe segments.walk(BoundedReader(bytes: file.bytes), WorkPace(deadline))
  }

  func inspect(
    _ header: UnsafeRawBufferPointer, endsAtSize: Bool, deadline: WorkDeadline
  ) throws(BitmapError) -> PictureInfo {
    var info = cimage_jpeg_info()
    var report = cimage_report()
    try unsafe deadline.withCodecWatch { watch in
      _ = unsafe cimage_jpeg_inspect(header.baseAddress, header.count, endsAtSize, watch, &info, &report)
    }
    if let error = BitmapError(report, format: .jpeg, limits: limits, deadline: deadline) { throw error }
    var found = PictureInfo(
      format: .jpeg, width: Int(info.width), height: Int(info.height),
      pixelFormat: info.color == CIMAGE_JPEG_GRAY ? .gray8 : .rgb8, isProgressive: info.progressive,
      codecByteCount: info.whole_image_buffered ? Int(clamping: info.coefficient_bytes) : 0)
    found.codecMemoryPurpose = "coefficients"
    if info.luma { found.richestGray = .gray8 }
    found.directFormats = [.rgb8, .rgba8]
    found.canShrink = true
    found.isHeaderWhole = !endsAtSize
    return found
  }

  func decode(
    _ file: UnsafeRawBufferPointer, denominator: Int, deadline: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(deadline) { rows, watch in
      _ = unsafe cimage_jpeg_decode(
        file.baseAddress, file.count, UInt32(denominator), limits.workingMemoryByteCount,
        UInt32(clamping: limits.scanCount), watch, rows, &report)
    }
    if let error = BitmapError(report, format: .jpeg, limits: limits, deadline: deadline) { throw error }
    return report.pictureWarnings(of: .jpeg)
  }
}
