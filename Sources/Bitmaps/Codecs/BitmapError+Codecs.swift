// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

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
          ? "\(format) cannot be of that size (\(message)). Crop or downscale the bitmap before, or write another format."
          : "a \(format) of the size in this one's header cannot be decoded (\(message)). Get the picture smaller or in "
            + "tiles, or in another format, from where it came from.",
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
