/// What a picture may cost before it is refused. Every limit is checked before the memory it guards is allocated.
///
/// The defaults take the pictures of every phone and camera on sale: 200 megapixels of a phone, 407 that a camera puts
/// together of several exposures. A refusal is a ``BitmapError`` with the code ``BitmapError/Code/limitExceeded`` that names
/// the limit and both figures.
///
/// What one picture can cost by them, and a file of a megabyte can be made to cost it: 2 GiB of pixels, twice that for a
/// moment where they are converted or turned; 1.25 GiB of the codec's; the file itself, at most 256 MiB; a minute. A
/// service that decodes what strangers send, several at a time, sets what it can afford instead:
///
///     var limits = DecodingLimits()
///     limits.pixelCount = 50_000_000  // of thumbnails: as they are decoded, so that photos of any size are taken
///     limits.pixelByteCount = 200_000_000
///     limits.workingMemoryByteCount = 256 << 20
///     limits.wallTime = .seconds(10)
///     let thumbnail = try Bitmap(thumbnailOfFileAt: "upload.jpg", width: 256, limits: limits)
public struct DecodingLimits: Hashable, Sendable {
  /// Pixels from left to right, as the file declares them. Default: 65,535, the most that JPEG can say.
  public var width = 65_535

  /// Pixels from top to bottom, as the file declares them. Default: 65,535.
  public var height = 65_535

  /// Pixels of the picture as it is decoded: width times height, and where a JPEG or WebP is reduced while it is decoded,
  /// those of the reduced picture. Default: 536,870,912 (2^29), 2 GiB of `rgba8`.
  ///
  /// A thumbnail of a photo of 200 megapixels, decoded at 1/8 of its sides, counts as 3. Reading the file takes its time all
  /// the same, some 5 ns for each pixel that it declares: that is for ``wallTime``.
  public var pixelCount = 1 << 29

  /// The pixels that decoding delivers, in bytes: rows as they lie in memory, in the pixel format asked for or the
  /// picture's own, or the one that it is decoded in on the way, whichever takes most, and of the size the picture has
  /// when it is shrunk on loading. Default: 2 GiB.
  ///
  /// Where the codec cannot deliver the format, or the picture is turned, two such bitmaps exist for a while.
  public var pixelByteCount = 1 << 31

  /// What the codec may hold beside the pixels, in bytes. Default: 1.25 GiB.
  ///
  /// Most pictures take less than a megabyte. A progressive JPEG takes 3 bytes for each pixel of the whole picture in 4:2:0
  /// and 6 in 4:4:4, also where it is reduced: 302 MB of 50 megapixels in 4:4:4, 340 of 113 in 4:2:0, 1.2 GB of 200 in
  /// 4:4:4 or 403 in 4:2:0. A lossless WebP takes 4.
  ///
  /// libpng's and zlib's memory is counted exactly. Of libjpeg's, this bounds the buffers for whole pictures that
  /// progressive files need; it takes some hundred kilobytes beside them, proportional to the width. libwebp's is
  /// estimated from the header, since it takes no limit: a lossless file that was made for it can cost some more, up to
  /// 12 KB for each 3 bytes of the file.
  public var workingMemoryByteCount = 5 << 28

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
  /// of the file, of which a WebP has 268 million at most. Cancellation is looked at at the same places. Reading the file does not count. Of a
  /// ``PictureDecoder``, the time inside of its `append` and `finish` counts, together, and that between the calls does not.
  public var wallTime = Duration.seconds(60)

  /// Whether a file with anything to warn of is refused: as `truncated` where its end is missing, else as `corrupt`.
  /// Default: false; all pixels are there, and ``Bitmap/decodingWarnings`` says what is wrong. <doc:Damaged-Files> lists it.
  public var isStrict = false

  public init() {}

  public static let `default` = DecodingLimits()
}

extension DecodingLimits {
  /// Throws where one of the file's own figures is beyond a limit.
  func check(_ info: PictureInfo, denominator: Int) throws(BitmapError) {
    try check("width", info.width, allowed: width, unit: "pixels", of: info, extent: "wide")
    try check("height", info.height, allowed: height, unit: "pixels", of: info, extent: "high")
    try check("embeddedByteCount", info.embeddedByteCount, allowed: embeddedByteCount, unit: "bytes", of: info)
    // Ahead of the pixels: of a picture that is beyond both, this is what would have hurt.
    try check(
      "workingMemoryByteCount", info.codecByteCount, allowed: workingMemoryByteCount, unit: "bytes", of: info,
      purpose: info.format == .jpeg ? " of coefficients" : " of working memory")
    // Cannot overflow: no codec knows dimensions of 2^31 or more.
    let pixels = JPEGCodec.reduced(info.width, by: denominator) * JPEGCodec.reduced(info.height, by: denominator)
    let purpose = denominator == 1 ? "" : " at 1/\(denominator) of its sides"
    try check("pixelCount", pixels, allowed: pixelCount, unit: "pixels", of: info, purpose: purpose)
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
