// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Reads PNGs by libpng: passes arguments in and reports out, and holds no pixels.
struct PNGCodec: PictureCodec {
  static let format = PictureFormat.png

  let limits: DecodingLimits
  private var chunks: PNGChunkWalk

  init(limits: DecodingLimits, isProbing: Bool) {
    self.limits = limits
    chunks = PNGChunkWalk(limits: isProbing ? nil : limits)
  }

  /// Only four bytes of the eight: the other four exist to show damage, and libpng reports that damage.
  static func match(_ lead: LeadingBytes) -> LeadingBytes.Match { lead.starts(with: [0x89, 0x50, 0x4E, 0x47]) }

  var metadata: PictureMetadata { chunks.metadata }

  mutating func walk(_ file: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError) {
    try unsafe chunks.walk(BoundedReader(bytes: file.bytes), WorkPace(deadline))
  }

  func inspect(
    _ header: UnsafeRawBufferPointer, endsAtSize: Bool, deadline: WorkDeadline
  ) throws(BitmapError) -> PictureInfo {
    var info = cimage_png_info()
    var report = cimage_report()
    try unsafe deadline.withCodecWatch { watch in
      _ = unsafe cimage_png_inspect(
        header.baseAddress, header.count, limits.workingMemoryByteCount, watch, &info, &report)
    }
    if let error = BitmapError(report, format: .png, limits: limits, deadline: deadline) { throw error }
    // The codec takes two rows and zlib's window, and libpng's callbacks keep the limit exactly. So it has no
    // `codecByteCount`.
    var found = PictureInfo(
      format: .png, width: Int(info.width), height: Int(info.height),
      pixelFormat: info.alpha ? .rgba8 : info.color ? .rgb8 : .gray8, isProgressive: info.interlaced)
    if info.bit_depth == 16 { found.richestFormat = info.alpha || info.color ? .rgba16 : .gray16 }
    // libpng can add channels and bits, and round 16 bits to 8. There are several ways to remove channels, so this
    // module does that itself.
    found.directFormats = [found.pixelFormat, .rgba8, .rgba16]
    if !info.alpha { found.directFormats.append(.rgb8) }
    if !info.alpha, !info.color { found.directFormats.append(.gray16) }
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

  func decode(
    _ file: UnsafeRawBufferPointer, denominator: Int, deadline: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    let outcome = try unsafe attempt(file, deadline: deadline, into: bitmap)
    if let error = outcome.error { throw error }
    return outcome.warnings
  }

  func attempt(
    _ file: UnsafeRawBufferPointer, deadline: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> Outcome {
    var report = cimage_report()
    try unsafe bitmap.withCodecRows(deadline) { rows, watch in
      _ = unsafe cimage_png_decode(file.baseAddress, file.count, limits.workingMemoryByteCount, watch, rows, &report)
    }
    return Outcome(
      error: BitmapError(report, format: .png, limits: limits, deadline: deadline),
      warnings: report.pictureWarnings(of: .png), peakByteCount: report.peak_bytes,
      outstandingBlockCount: report.outstanding_blocks)
  }
}
