// SPDX-License-Identifier: Apache-2.0

/// What the samples of a PAM's pixel are, by its TUPLTYPE.
///
/// Source: pam(5), "PAM Used For Visual (Graphic) Images" and the optional "\_ALPHA". Any other type is legal, and its
/// meaning is an agreement between two programs, as for CMYK. Without the agreement, its samples are not a picture.
struct NetpbmTupleType {
  private enum Name: String, CaseIterable {
    case blackAndWhite = "BLACKANDWHITE"
    case blackAndWhiteAlpha = "BLACKANDWHITE_ALPHA"
    case grayscale = "GRAYSCALE"
    case grayscaleAlpha = "GRAYSCALE_ALPHA"
    case rgb = "RGB"
    case rgbAlpha = "RGB_ALPHA"
  }

  private let name: Name

  /// Nil for an empty name, which means the same as no name. Throws `unsupported` for an unknown name. `lineCount` is
  /// the number of the file's lines for the name; all these lines together are one name with spaces in it.
  init?(named bytes: UnsafeRawBufferPointer, lineCount: Int) throws(BitmapError) {
    guard lineCount > 0 else { return nil }
    let known = Name.allCases.first { unsafe $0.rawValue.utf8.elementsEqual(bytes) }
    guard let known, lineCount == 1 else {
      throw .netpbm(
        .unsupported,
        unsafe "its TUPLTYPE is \(Self.text(bytes, lineCount)), and what is known is BLACKANDWHITE, "
          + "GRAYSCALE, RGB, and each of them with _ALPHA",
        help: "Convert it to RGB or GRAYSCALE, as by ImageMagick's `convert IN.pam -colorspace sRGB OUT.png`.")
    }
    name = known
  }

  private static func text(_ bytes: UnsafeRawBufferPointer, _ lineCount: Int) -> String {
    let letters = unsafe bytes.prefix(40).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    return String(decoding: letters, as: UTF8.self) + (lineCount > 1 || bytes.count > letters.count ? "…" : "")
  }

  /// Throws if the header's DEPTH or MAXVAL does not fit the type.
  func check(channels: Int, maximum: Int) throws(BitmapError) {
    let known =
      switch name {
      case .blackAndWhite, .grayscale: 1
      case .blackAndWhiteAlpha, .grayscaleAlpha: 2
      case .rgb: 3
      case .rgbAlpha: 4
      }
    guard channels == known else {
      throw .netpbm(.corrupt, "its TUPLTYPE is \(name.rawValue), which has DEPTH \(known), not \(channels)")
    }
    let isBits = name == .blackAndWhite || name == .blackAndWhiteAlpha
    guard !isBits || maximum == 1 else {
      throw .netpbm(.corrupt, "its TUPLTYPE is \(name.rawValue), which has MAXVAL 1, not \(maximum)")
    }
  }
}
