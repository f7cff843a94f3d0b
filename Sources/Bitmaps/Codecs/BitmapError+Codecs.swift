// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

extension BitmapError {
  /// The error that a codec's report describes; nil if the picture is whole.
  ///
  /// `limits` and `deadline` are those that the codec was given. Encoders have no limits.
  init?(
    _ report: cimage_report, format: PictureFormat, limits: DecodingLimits?, deadline: WorkDeadline = WorkDeadline()
  ) {
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
      self = deadline.outOfTime(format: format)
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
