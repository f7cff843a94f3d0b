// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

// What all calls of the C code of the codecs have in common: bitmaps go in as rows, and a report comes out.

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

  var profileByteCount: Int { colorProfile.iccData?.count ?? 0 }
}

extension EncodingResult {
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

extension BitmapError {
  /// The error that a codec's report describes; nil if the picture is whole.
  ///
  /// `limits` and `watch` are those that the codec was given. Encoders have no limits.
  init?(_ report: cimage_report, format: PictureFormat, limits: DecodingLimits?, watch: WorkDeadline = WorkDeadline()) {
    let isEncoding = limits == nil
    let limits = limits ?? .default
    let message = report.text
    switch report.status {
    case CIMAGE_OK:
      return nil
    case CIMAGE_CORRUPT:
      self.init(
        .corrupt, "the \(format) data is damaged (\(message)). Fetch the file again from where it came from.",
        format: format)
    case CIMAGE_TRUNCATED:
      self.init(
        .truncated,
        "the \(format) data ends before the picture does (\(message)). Fetch the file again from where it came from.",
        format: format)
    case CIMAGE_UNSUPPORTED:
      self.init(
        .unsupported, "this kind of \(format) is not supported (\(message)). Convert it to a plain one.", format: format
      )
    case CIMAGE_WORKING_MEMORY:
      let allowed = limits.workingMemoryByteCount
      self.init(
        exceeding: .init(name: "workingMemoryByteCount", needed: nil, allowed: allowed, unit: "bytes"),
        format: format, subject: "decoding this \(format)")
    case CIMAGE_SCAN_LIMIT:
      self.init(
        exceeding: .init(name: "scanCount", needed: nil, allowed: limits.scanCount, unit: "scans"),
        format: format, subject: "this progressive \(format)")
    case CIMAGE_CANCELLED:
      self = .cancelled(format: format)
    case CIMAGE_TIME_LIMIT:
      self = watch.outOfTime(format: format)
    case CIMAGE_OUT_OF_MEMORY:
      self.init(.outOfMemory, "there is no memory left for the \(format) codec (\(message)).", format: format)
    case CIMAGE_DIMENSIONS:
      self.init(
        .unsupported,
        isEncoding
          ? "\(format) cannot be of that size (\(message)). Crop or downscale the bitmap before, or write another "
            + "format."
          : "a \(format) of the size in this one's header cannot be decoded (\(message)). Get the picture smaller or "
            + "in tiles, or in another format, from where it came from.",
        format: format)
    default:
      self.init(.invalidArgument, "the \(format) codec was given rows that do not fit (\(message)).", format: format)
    }
  }
}

extension cimage_report {
  /// The message of the codec's library.
  fileprivate var text: String {
    var copy = self
    // SAFETY: the message is a C string inside the report, which outlives the closure.
    return unsafe withUnsafePointer(to: &copy) { unsafe String(cString: cimage_report_message($0)) }
  }

  /// The library's message about the first irregular thing that it found.
  private var warningText: String {
    var copy = self
    // SAFETY: as above.
    return unsafe withUnsafePointer(to: &copy) { unsafe String(cString: cimage_report_warning($0)) }
  }

  /// The warnings of a picture that was decoded, in the order in which `isStrict` names them: first what pixels depend
  /// on, then the file's end.
  func pictureWarnings(of format: PictureFormat) -> [PictureWarning] {
    var found: [PictureWarning] = guesses_colors ? [.guessedColors] : []
    if lacks_colors { found.append(.lackingColors) }
    switch ending {
    case CIMAGE_END_MISSING: found.append(.missingEnd(format))
    case CIMAGE_END_DAMAGED:
      found.append(
        PictureWarning(
          code: .damagedEnd, part: nil,
          reason: "what follows the pixels is damaged (\(text)). All pixels are there; what followed them was not read."
        ))
    default: break
    }
    if warnings > 0 {
      let words = warningText
      found.append(
        PictureWarning(
          code: .irregularData, part: words.hasPrefix("tRNS: ") ? "tRNS" : nil,
          reason: "the \(format) data is irregular (\(words))."))
    }
    return found
  }
}
