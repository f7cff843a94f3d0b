// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Reads WebPs by libwebp: passes arguments in and reports out, and holds no pixels.
struct WebPCodec: PictureCodec {
  static let format = PictureFormat.webp

  let limits: DecodingLimits
  private var chunks: WebPChunkWalk

  init(limits: DecodingLimits, isProbing: Bool) {
    self.limits = limits
    chunks = WebPChunkWalk(limits: isProbing ? nil : limits)
  }

  static func match(_ lead: LeadingBytes) -> LeadingBytes.Match { lead.starts(with: "RIFF") && lead.has("WEBP", at: 8) }

  var metadata: PictureMetadata { chunks.metadata }

  mutating func walk(_ file: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError) {
    try unsafe chunks.walk(BoundedReader(bytes: file.bytes), WorkPace(deadline))
  }

  func inspect(
    _ header: UnsafeRawBufferPointer, endsAtSize: Bool, deadline: WorkDeadline
  ) throws(BitmapError) -> PictureInfo {
    var info = cimage_webp_info()
    var report = cimage_report()
    _ = unsafe cimage_webp_inspect(header.baseAddress, header.count, &info, &report)
    if let error = BitmapError(report, format: .webp, limits: limits) { throw error }
    var found = PictureInfo(
      format: .webp, width: Int(info.width), height: Int(info.height), pixelFormat: info.alpha ? .rgba8 : .rgb8,
      codecByteCount: Int(clamping: info.working_bytes))
    // If the format has no alpha, libwebp drops alpha. It must be laid on white instead.
    found.directFormats = [.rgba8]
    found.canShrink = !info.partial
    found.isHeaderWhole = info.headed
    return found
  }

  func decode(
    _ file: UnsafeRawBufferPointer, denominator: Int, deadline: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(deadline) { rows, watch in
      _ = unsafe cimage_webp_decode(file.baseAddress, file.count, watch, rows, &report)
    }
    if let error = BitmapError(report, format: .webp, limits: limits, deadline: deadline) { throw error }
    // The missing part can be the EXIF data with the orientation. Bytes behind the container are allowed.
    let announced = unsafe BoundedReader(bytes: file.bytes).integer(at: 4, byteCount: 4, isLittle: true) ?? 0
    return announced + 8 > file.count ? [.missingEnd(.webp)] : []
  }
}
