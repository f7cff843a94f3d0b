/// What a picture may cost before it is refused. Every limit is checked before the memory it guards is allocated.
///
/// The defaults take any photo of today's cameras and refuse files made to exhaust a server. A refusal is a
/// ``BitmapError`` with the code ``BitmapError/Code/limitExceeded`` that names the limit and both figures.
public struct DecodingLimits: Hashable, Sendable {
  /// Pixels from left to right, as the file declares them. Default: 65,535, the most that JPEG can say.
  public var width = 65_535

  /// Pixels from top to bottom, as the file declares them. Default: 65,535.
  public var height = 65_535

  /// Width times height, as the file declares them, also where the picture is shrunk on loading.
  /// Default: 134,217,728 (2^27), half a gigabyte of `rgba8`.
  public var pixelCount = 1 << 27

  /// What the codec may hold beside the pixels, in bytes. Default: 256 MiB.
  ///
  /// libpng's and zlib's memory is counted exactly. Of libjpeg's, this bounds the buffers for whole pictures that
  /// progressive files need; it takes some hundred kilobytes beside them, proportional to the width. libwebp's is
  /// estimated from the header, since it takes no limit: a lossless file that was made for it can cost some more, up to
  /// 12 KB for each 3 bytes of the file.
  public var workingMemoryByteCount = 256 << 20

  /// Scans of a progressive JPEG; each costs a pass over the whole picture. Default: 100. Encoders make about 10.
  public var scanCount = 100

  /// The size of the encoded picture, in bytes. Default: 256 MiB.
  public var encodedByteCount = 256 << 20

  /// The ICC data in a picture, in bytes. Default: 4 MiB; those of printing presses are the largest, with 3.
  public var colorProfileByteCount = 4 << 20

  /// What the file holds beside the pixels, in bytes: all application segments and comments of a JPEG, all ancillary
  /// chunks of a PNG, all chunks of a WebP that no pixel needs. Default: 32 MiB; cameras that add a second picture or a
  /// depth map take some.
  public var embeddedByteCount = 32 << 20

  /// How long decoding may take, by the clock. Default: a minute, some ten times what the largest picture that the other
  /// limits let through takes on a slow machine.
  ///
  /// Looked at between rows, so it is met late by what a few rows take. Reading the file does not count.
  public var wallTime = Duration.seconds(60)

  public init() {}

  public static let `default` = DecodingLimits()
}

extension DecodingLimits {
  /// Throws where one of the file's own figures is beyond a limit.
  func check(_ info: PictureInfo) throws(BitmapError) {
    try check("width", info.width, allowed: width, unit: "pixels", of: info, extent: "wide")
    try check("height", info.height, allowed: height, unit: "pixels", of: info, extent: "high")
    try check("embeddedByteCount", info.embeddedByteCount, allowed: embeddedByteCount, unit: "bytes", of: info)
    // Ahead of the pixels: of a picture that is beyond both, this is what would have hurt.
    try check(
      "workingMemoryByteCount", info.codecByteCount, allowed: workingMemoryByteCount, unit: "bytes", of: info,
      purpose: info.format == .jpeg ? " of coefficients" : " of working memory")
    // Cannot overflow: no codec knows dimensions of 2^31 or more.
    try check("pixelCount", info.width * info.height, allowed: pixelCount, unit: "pixels", of: info)
  }

  private func check(
    _ name: String, _ needed: Int, allowed: Int, unit: String, of info: PictureInfo, purpose: String = "",
    extent: String? = nil
  ) throws(BitmapError) {
    guard needed > allowed else { return }
    throw BitmapError(
      exceeding: .init(name: name, needed: needed, allowed: allowed, unit: unit), format: info.format,
      subject: "this \(info.isProgressive ? "progressive " : "")\(info.format) of \(info.width)×\(info.height)",
      purpose: purpose, extent: extent)
  }
}
