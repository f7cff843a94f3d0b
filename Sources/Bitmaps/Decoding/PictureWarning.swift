// SPDX-License-Identifier: Apache-2.0

/// Something that is wrong with a file, although every pixel was decoded from the file's own data.
///
/// No pixel depends on it, except for ``Code/guessedColors``, and for ``Code/irregularData`` of a PNG's palette or of
/// its transparent colours (``part`` is "PLTE" or "tRNS"). <doc:Damaged-Files> says what is a warning and what is an
/// error.
public struct PictureWarning: Hashable, Sendable {
  /// What kind of warning it is, for programs to act on.
  public struct Code: Hashable, Sendable {
    enum Kind: String {
      case missingEnd, damagedEnd, damagedMetadata, misplacedMetadata, irregularData, guessedColors
    }

    let kind: Kind

    /// The file ends before its format says that it is over: it was cut, or its writer left the end out. All pixels are
    /// there, but data beside the pixels that lay behind the cut is missing.
    public static let missingEnd = Code(kind: .missingEnd)
    /// What follows the pixels breaks the rules of the format, and was not read.
    public static let damagedEnd = Code(kind: .damagedEnd)
    /// Data beside the pixels has a wrong checksum, or cannot be read. It was not used.
    public static let damagedMetadata = Code(kind: .damagedMetadata)
    /// Data beside the pixels lies where its format forbids it, or is not announced as its format requires. It was not
    /// used.
    public static let misplacedMetadata = Code(kind: .misplacedMetadata)
    /// Something is odd in the data of the pixels, but no pixel had to be guessed. Pixels of a PNG that have no colour
    /// in its palette are black.
    public static let irregularData = Code(kind: .irregularData)
    /// The file names a kind of colours that is not known. The usual kind was used, and the colours may be wrong.
    public static let guessedColors = Code(kind: .guessedColors)
  }

  public let code: Code
  /// The segment or chunk, such as "iCCP" or "EXIF"; nil if the warning is not about a particular one.
  public let part: String?
  /// What is wrong, in words.
  public let reason: String
}

extension PictureWarning: CustomStringConvertible {
  public var description: String { reason }
}

extension PictureWarning.Code: CustomStringConvertible {
  public var description: String { kind.rawValue }
}

extension PictureWarning {
  static func damaged(_ part: String, _ what: String) -> PictureWarning {
    PictureWarning(code: .damagedMetadata, part: part, reason: "\(part): \(what); \(consequence(of: part)).")
  }

  static let damagedExif = damaged("EXIF", "the orientation in this data cannot be read")

  static func misplaced(_ part: String, _ what: String) -> PictureWarning {
    PictureWarning(code: .misplacedMetadata, part: part, reason: "\(part): \(what); \(consequence(of: part)).")
  }

  /// Most parts are never used, whether they are damaged or not. To say "it was not used" of such a part would suggest
  /// that a part without damage is used.
  private static func consequence(of part: String) -> String {
    switch part {
    case "EXIF", "eXIf", "ICC data", "ICCP", "iCCP", "PLTE", "tRNS", "acTL", "fcTL", "ANMF": "it was not used"
    default: "it is never used, and no pixel depends on it"
    }
  }

  static func missingEnd(_ format: PictureFormat) -> PictureWarning {
    PictureWarning(
      code: .missingEnd, part: nil,
      reason: "the \(format) data ends before its end is marked. All pixels are there; what followed them is not.")
  }

  static let guessedColors = PictureWarning(
    code: .guessedColors, part: "Adobe",
    reason: "Adobe: this segment names a kind of colours that is not known. The usual one was taken: YCbCr, or YCCK of "
      + "four components. Colours may be wrong.")

  static let lackingColors = PictureWarning(
    code: .irregularData, part: "PLTE", reason: "PLTE: pixels have numbers beyond this palette; they are black.")

  /// Whether pixels may differ from what was meant.
  var concernsPixels: Bool {
    code == .guessedColors || code == .irregularData && (part == "PLTE" || part == "tRNS")
  }

  /// The greatest number of warnings, which are all different. A file can have millions of damaged chunks.
  static let mostCount = 16

  static func add(_ warning: PictureWarning, to warnings: inout [PictureWarning]) {
    guard warnings.count < mostCount, !warnings.contains(warning) else { return }
    warnings.append(warning)
  }
}

extension BitmapError {
  /// The error for a picture that ``DecodingLimits/isStrict`` refuses.
  init(strict warning: PictureWarning, format: PictureFormat) {
    let rest = warning.concernsPixels ? ", and look at its colours." : ": no pixel depends on this."
    self.init(
      warning.code == .missingEnd ? .truncated : .corrupt,
      "this \(format) is not as it should be (\(warning.reason)) Fetch the file again from where it came from, or "
        + "decode it without `isStrict`\(rest)",
      format: format)
  }

  /// Throws if there is a warning and `limits` are strict.
  static func check(
    _ warnings: [PictureWarning], of format: PictureFormat, limits: DecodingLimits
  ) throws(BitmapError) {
    if limits.isStrict, let first = warnings.first { throw BitmapError(strict: first, format: format) }
  }
}
