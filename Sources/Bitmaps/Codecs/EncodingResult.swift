// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// The result of an attempt to encode into bounded memory.
enum EncodingResult {
  case fits(byteCount: Int)
  case needs(byteCount: Int)
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
