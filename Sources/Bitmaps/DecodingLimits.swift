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

  /// The pixels that decoding delivers, in bytes: rows as they lie in memory, in the pixel format asked for or the
  /// picture's own, or the one that it is decoded in on the way, whichever takes most, and of the size the picture has
  /// when it is shrunk on loading. Default: 1 GiB.
  ///
  /// Where the codec cannot deliver the format, or the picture is turned, two such bitmaps exist for a while.
  public var pixelByteCount = 1 << 30

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

  /// The ICC data in a picture, in bytes. Default: 4 MiB; those of printing presses are the largest, with 3. Any value
  /// will do; no such data has more than 4 GiB. That of a PNG is inflated twice, of which the first time takes no memory.
  public var colorProfileByteCount = 4 << 20

  /// What the file holds beside the pixels, in bytes: all application segments and comments of a JPEG, all ancillary
  /// chunks of a PNG, all chunks of a WebP that no pixel needs; the header of a Netpbm, comments and white space
  /// included, but for 256 bytes. Default: 32 MiB; cameras that add a second picture or a depth map take some.
  public var embeddedByteCount = 32 << 20

  /// How long decoding may take, by the clock. Default: a minute, some ten times what the largest picture that the other
  /// limits let through takes on a slow machine.
  ///
  /// Looked at between rows, so it is met late by what a few rows take. Of a WebP, between pieces of the file and at the
  /// end: a piece that stands for many pixels, as of a picture of one colour, is decoded whole before the limit is met,
  /// and a picture that took too long is an error even if it is done by then. That comes to about 10 ns for each pixel
  /// that ``pixelCount`` lets through. Cancellation is looked at at the same places. Reading the file does not count. Of a
  /// ``PictureDecoder``, the time inside of its `append` and `finish` counts, together, and that between the calls does not.
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

  /// Throws where the pixels to deliver, of this size, are beyond their limit.
  func check(
    _ info: PictureInfo, width: Int, height: Int, format: PixelFormat?
  ) throws(BitmapError) {
    let largest = [info.pixelFormat, format ?? info.pixelFormat, info.codecFormat(for: format)].max {
      $0.bytesPerPixel < $1.bytesPerPixel
    }
    let layout = try RowLayout(width: width, height: height, format: largest ?? info.pixelFormat)
    try check(
      "pixelByteCount", layout.byteCount, allowed: pixelByteCount, unit: "bytes", of: info,
      purpose: " of pixels in \(layout.format)")
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
