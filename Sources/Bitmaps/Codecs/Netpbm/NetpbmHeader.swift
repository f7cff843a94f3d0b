// SPDX-License-Identifier: Apache-2.0

/// The header of a Netpbm file: PBM, PGM, PPM (plain or binary) or PAM.
///
/// Source: the manual pages pbm(5), pgm(5), ppm(5) and pam(5) of Netpbm. An offset or size in a file is compared with
/// the bytes that are there before it is used.
///
/// A PAM's TUPLTYPE says what its samples mean. If there is none, the number of samples for each pixel says it: 1 is
/// gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha. Samples of plain files are numbers with white space between them.
/// Nothing is required behind the last number, so a file that was cut within it looks like one that ends there, and is
/// accepted.
struct NetpbmHeader {
  /// The digit behind the "P".
  var kind: Int
  var width = 0
  var height = 0
  /// The value of a sample at full intensity: 1 to 65,535.
  var maximum = 1
  /// Samples per pixel, alpha included: 1 to 4.
  var channels = 1
  /// What a PAM says that its samples are; nil if it says nothing, and for other kinds of files.
  var tupleType: NetpbmTupleType?
  /// Where the samples start, in bytes.
  var offset = 0

  var isPlain: Bool { kind <= 3 }
  var isBitmap: Bool { kind == 1 || kind == 4 }
  var bytesPerSample: Int { maximum > 255 ? 2 : 1 }

  /// The format that loses nothing, except by scaling if `maximum` is not 255 or 65,535.
  var pixelFormat: PixelFormat {
    switch (channels, bytesPerSample) {
    case (1, 1): .gray8
    case (2, 1): .grayAlpha8
    case (3, 1): .rgb8
    case (4, 1): .rgba8
    case (1, _): .gray16
    default: .rgba16
    }
  }

  /// The least number of bytes that the samples take in the file. Saturates.
  var sampleByteCount: Int {
    // Sides are below 2^31, so only the multiplication by the channels can overflow.
    let (count, overflow) = (width * height).multipliedReportingOverflow(by: 2 * channels)
    if overflow { return .max }
    return sampleByteCount(of: count / 2)
  }

  private func sampleByteCount(of count: Int) -> Int {
    switch kind {
    case 1: return count
    case 2, 3: return 2 * count - 1
    case 4: return (width + 7) / 8 * height
    default: return count * bytesPerSample
    }
  }

  /// How much longer the header is than a plain one: comments, white space, zeros, lines that are not needed.
  var surplusByteCount: Int { max(0, offset - Self.plainByteCount) }

  /// More than a plain header takes, which is about 80 bytes.
  static let plainByteCount = 256

  /// `kind` is the digit behind the "P".
  init(kind: Int) {
    self.kind = kind
    channels = kind == 3 || kind == 6 ? 3 : 1
  }

  func check() throws(BitmapError) {
    // Checked before the number of channels: for CMYK with alpha, the type is the better reason.
    try tupleType?.check(channels: channels, maximum: maximum)
    guard width > 0, height > 0 else { throw .netpbm(.corrupt, "a side is 0") }
    guard (1...65_535).contains(maximum) else { throw .netpbm(.corrupt, "its maximum is not within 1 and 65535") }
    guard (1...4).contains(channels) else {
      throw .netpbm(.unsupported, "it has \(channels) channels, and 1 to 4 are known")
    }
  }
}

extension BitmapError {
  static func netpbm(_ code: Code, _ what: String, help: String? = nil) -> BitmapError {
    let help =
      help
      ?? (code == .unsupported ? "Convert it to a plain one." : "Fetch the file again from where it came from.")
    let state =
      code == .unsupported
      ? "is not supported" : code == .truncated ? "ends before the picture does" : "is damaged"
    return BitmapError(code, "the Netpbm data \(state) (\(what)). \(help)", format: .netpbm)
  }
}
