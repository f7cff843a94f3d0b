import NativeBuffers

/// The header of a Netpbm file: PBM, PGM, PPM (plain or binary) or PAM.
///
/// Source: the manual pages pbm(5), pgm(5), ppm(5) and pam(5) of Netpbm. No offset or size in a file is believed before
/// it is compared with what is there. What the samples of a PAM mean, its TUPLTYPE says, and where there is none, how many
/// a pixel has: 1 is gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha. Samples of plain files are numbers with white space between them, and nothing is
/// asked for behind the last one: a file that was cut within it cannot be told from one that ends there, and is taken.
struct NetpbmHeader {
  /// The digit behind the "P".
  var kind: Int
  var width = 0
  var height = 0
  /// The value of a sample that is wholly on: 1 to 65,535.
  var maximum = 1
  /// Samples per pixel, alpha included: 1 to 4.
  var channels = 1
  /// What a PAM says that its samples are; nil where it says nothing, and of other kinds of files.
  var tupleType: NetpbmTupleType?
  /// Where the samples start, in bytes.
  var offset = 0

  var isPlain: Bool { kind <= 3 }
  var isBitmap: Bool { kind == 1 || kind == 4 }
  var bytesPerSample: Int { maximum > 255 ? 2 : 1 }

  /// The format that loses nothing but what a `maximum` other than 255 or 65,535 is scaled by.
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

  /// The least that the samples take in the file, in bytes. Saturates.
  var sampleByteCount: Int {
    // Sides are below 2^31, so that only the channels can take it beyond 2^63.
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

  /// What is more in the header than a plain one takes: comments, white space, zeros, lines that nobody needs.
  var surplusByteCount: Int { max(0, offset - Self.plainByteCount) }

  /// A header without any such takes some 80 bytes.
  static let plainByteCount = 256

  init(_ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkWatch) throws(BitmapError) {
    var reader = NetpbmHeaderReader()
    guard let header = try unsafe reader.read(bytes, limits: limits, watch: watch) else {
      throw .netpbm(.truncated, "it ends in its header")
    }
    self = header
  }

  /// Of the digit behind the "P".
  init(kind: Int) {
    self.kind = kind
    channels = kind == 3 || kind == 6 ? 3 : 1
  }

  func check() throws(BitmapError) {
    // Ahead of the number of channels: of CMYK with alpha, that is not what is in the way.
    try tupleType?.check(self)
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
