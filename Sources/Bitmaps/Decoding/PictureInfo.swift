public import NativeBuffers

/// What a picture's header says, before anything is decoded.
///
/// A header can lie: pixels can be missing or broken behind it.
public struct PictureInfo: Hashable, Sendable {
  public let format: PictureFormat
  /// Pixels from left to right, as the file has them: before the orientation is applied. At least 1.
  public let width: Int
  /// Pixels from top to bottom, as the file has them. At least 1.
  public let height: Int
  /// The format in which the picture is decoded when no other is asked for: the smallest that loses no channel.
  /// CMYK becomes `rgb8`, gray with alpha `rgba8`, 16 bits of a PNG become 8 unless
  /// `gray16` or `rgba16` is asked for.
  public let pixelFormat: PixelFormat
  /// How many frames an animated WebP or PNG has; 1 of a still picture, and of other formats. Counted, of a file that is
  /// not all there as far as it is.
  ///
  /// The picture is the first one, on the whole canvas: what it leaves free is transparent, whatever background the file
  /// names. (Of a PNG it is the picture that viewers show who know of no animations, which need not be a frame.) Nothing
  /// here decodes the others; who wants all of them refuses a file that has more than 1, or takes them apart before.
  public private(set) var frameCount = 1
  /// A progressive JPEG or an interlaced PNG.
  public let isProgressive: Bool
  /// What is to be done to the picture so that it is upright, by its EXIF data; ``Orientation/upright`` where there is
  /// none, or none that can be read. Decoding does it unless told otherwise. <doc:Damaged-Files> says what counts.
  public private(set) var orientation = Orientation.upright
  /// The size of the EXIF data, which is a TIFF structure, in bytes; 0 where there is none.
  /// ``exifData(of:limits:)`` has the bytes.
  public private(set) var exifByteCount = 0
  /// What the numbers mean as colours, with the ICC data of the file where there is some that can be read.
  public private(set) var colorProfile = ColorProfile.sRGB
  /// What the file holds beside its pixels, in bytes: see ``DecodingLimits/embeddedByteCount``.
  public private(set) var embeddedByteCount = 0
  /// What is wrong with the data beside the pixels, and therefore not used: at most 16, no two alike. What is wrong with the
  /// pixels' data, or with the file's end, only decoding finds: ``Bitmap/decodingWarnings``.
  public private(set) var warnings: [PictureWarning] = []
  private var isExifUnreadable = false
  private var isProfileUnreadable = false
  /// What the codec must hold at once beside the pixels, as far as the header tells. In bytes.
  let codecByteCount: Int
  /// False for the first part of a JPEG's header, and of an extended WebP's, whose pixels' own chunk can still differ from
  /// what the first chunk says about alpha.
  var isHeaderWhole = true
  /// The format that loses nothing of what is in the file. Every other is what a conversion makes of this one, whichever way
  /// it is decoded.
  var richestFormat: PixelFormat
  /// The same for gray formats, of a picture that has its gray beside its colours: the luma of a JPEG, which is not what its
  /// colours come to where RGB cannot hold them.
  var richestGray: PixelFormat?
  /// Whether the codec can reduce it while it decodes.
  var canShrink: Bool

  init(
    format: PictureFormat, width: Int, height: Int, pixelFormat: PixelFormat, isProgressive: Bool, codecByteCount: Int
  ) {
    self.format = format
    self.width = width
    self.height = height
    self.pixelFormat = pixelFormat
    self.isProgressive = isProgressive
    self.codecByteCount = codecByteCount
    richestFormat = pixelFormat
    canShrink = format == .jpeg
  }
}

extension PictureInfo {
  /// The width of the upright picture, in pixels.
  public var uprightWidth: Int { orientation.swapsSides ? height : width }
  /// The height of the upright picture, in pixels.
  public var uprightHeight: Int { orientation.swapsSides ? width : height }
}

extension PictureInfo {
  /// Reads the header of an encoded picture.
  ///
  /// Throws `notAPicture`, `unsupported`, `corrupt` or `truncated`; `cancelled` where the task that called is. Sizes are
  /// reported, not limited, but for ``DecodingLimits/colorProfileByteCount``, and the header of a Netpbm by
  /// ``DecodingLimits/embeddedByteCount``: `limitExceeded`.
  public init(probing bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) {
    let watch = WorkWatch()
    try watch.check()
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe PictureInfo(inspecting: bytes, limits: limits, limitsSizes: false, watch: watch)
    }
  }

  /// Reads the header of the picture in a file. The file is read whole, into a native buffer.
  /// Throws as ``init(probing:limits:)``, and `unreadableFile`.
  public init(
    probingFileAt path: String, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, origin: origin) {
      bytes throws(BitmapError) in
      try unsafe PictureInfo(inspecting: bytes, limits: limits, limitsSizes: false, watch: WorkWatch())
    }
  }

  /// The whole file, as far as it is there: what a ``PictureDecoder`` finds that gets it in one piece.
  init(
    inspecting bytes: UnsafeRawBufferPointer, minimumWidth: Int? = nil, limits: DecodingLimits, limitsSizes: Bool,
    watch: WorkWatch
  ) throws(BitmapError) {
    var header = ArrivingHeader(minimumWidth: minimumWidth, limitsSizes: limitsSizes)
    try unsafe header.look(at: bytes, limits: limits, watch: watch)
    if let info = header.info {
      self = info
      return
    }
    // The file ends within its header, and the codec has the words for it.
    let format = try unsafe PictureFormat(decodable: bytes.bytes)
    try unsafe self.init(headerOf: bytes, format: format, limits: limits, watch: watch)
  }

  /// Without the data beside the pixels. `endsAtSize` is for the part of the header that has the size.
  init(
    headerOf bytes: UnsafeRawBufferPointer, endsAtSize: Bool = false, format: PictureFormat, limits: DecodingLimits,
    watch: WorkWatch
  ) throws(BitmapError) {
    switch format {
    case .jpeg: self = try unsafe JPEGCodec.inspect(bytes, endsAtSize: endsAtSize, limits: limits, watch: watch)
    case .webp: self = try unsafe WebPCodec.inspect(bytes, limits: limits)
    case .netpbm: self.init(try unsafe NetpbmHeader(bytes, limits: limits, watch: watch))
    default: self = try unsafe PNGCodec.inspect(bytes, limits: limits, watch: watch)
    }
  }

  init(_ header: NetpbmHeader) {
    self.init(
      format: .netpbm, width: header.width, height: header.height, pixelFormat: header.pixelFormat,
      isProgressive: false, codecByteCount: 0)
    embeddedByteCount = header.surplusByteCount
    // With most other maxima, samples of 8 bits are rounded.
    if 255 % header.maximum != 0 { richestFormat = header.channels == 1 ? .gray16 : .rgba16 }
  }

  /// Takes what is known about the data beside the pixels, and reads what was not there when `known` was all of it.
  mutating func take(
    _ embedded: EmbeddedData, since known: EmbeddedData?, in bytes: UnsafeRawBufferPointer, limits: DecodingLimits
  ) throws(BitmapError) {
    embeddedByteCount = embedded.byteCount
    frameCount = max(1, embedded.frameCount)
    if let exif = embedded.exif, exif != known?.exif {
      exifByteCount = exif.count
      let found = unsafe ExifOrientation.read(in: bytes.bytes.extracting(exif))
      orientation = found ?? .upright
      isExifUnreadable = found == nil
    }
    if embedded.icc != known?.icc ?? [] {
      let found = try unsafe embedded.colorProfile(in: bytes, limits: limits)
      colorProfile = found ?? .sRGB
      isProfileUnreadable = found == nil
    }
    // In an order that does not depend on when each was found.
    warnings = embedded.warnings
    if isExifUnreadable {
      PictureWarning.add(.damagedExif, to: &warnings)
    }
    if isProfileUnreadable {
      PictureWarning.add(.damaged("ICC data", "it is not whole, or no ICC data"), to: &warnings)
    }
  }
}

extension PictureInfo {
  /// The EXIF data of an encoded picture, a TIFF structure; nil where there is none that counts (<doc:Damaged-Files>).
  /// Copied, and not understood.
  ///
  /// Throws `notAPicture`, `unsupported` or `cancelled`, and `limitExceeded` beyond ``DecodingLimits/embeddedByteCount``.
  public static func exifData(of bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) -> [UInt8]? {
    let format = try PictureFormat(decodable: bytes)
    guard let range = try EmbeddedData(of: bytes, format: format, watch: WorkWatch()).exif else { return nil }
    guard range.count <= limits.embeddedByteCount else {
      throw BitmapError(
        exceeding: .init(
          name: "embeddedByteCount", needed: range.count, allowed: limits.embeddedByteCount, unit: "bytes"),
        format: format, subject: "the EXIF data of this \(format)")
    }
    return unsafe bytes.extracting(range).withUnsafeBytes { unsafe Array($0) }
  }
}

extension RawSpan {
  /// `withUnsafeBytes` with errors of this module.
  func reading<R>(_ body: (UnsafeRawBufferPointer) throws(BitmapError) -> R) throws(BitmapError) -> R {
    let result: Result<R, BitmapError> = unsafe withUnsafeBytes { bytes in
      do throws(BitmapError) {
        return .success(try unsafe body(bytes))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
