// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

extension cimage_report {
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
