// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

/// What a picture's header says, before any pixel is decoded.
///
/// A header can be wrong: behind it, pixels can be missing or damaged.
public struct PictureInfo: Hashable, Sendable {
  public let format: PictureFormat
  /// Pixels from left to right, as stored in the file, before the orientation is applied. At least 1.
  public let width: Int
  /// Pixels from top to bottom, as stored in the file. At least 1.
  public let height: Int
  /// The format in which the picture is decoded if no other is asked for: the smallest that loses no channel. CMYK
  /// becomes `rgb8`, and gray with alpha becomes `rgba8`. 16 bits of a PNG become 8, unless `gray16` or `rgba16` is
  /// asked for.
  public let pixelFormat: PixelFormat
  /// How many frames an animated WebP or PNG has; 1 for a still picture, and for other formats. If the file has not
  /// arrived whole, the frames that have arrived are counted.
  ///
  /// Decoding gives the first frame, on the whole canvas. The part of the canvas that the frame does not cover is
  /// transparent, whatever background the file names. (For a PNG, it is the picture that viewers without animations
  /// show, which need not be a frame.) The other frames cannot be decoded with this module. If you need all of them,
  /// refuse files with more than 1 frame, or split such files first.
  public private(set) var frameCount = 1
  /// Whether it is a progressive JPEG or an interlaced PNG.
  public let isProgressive: Bool
  /// The change that makes the picture upright, by its EXIF data; ``Orientation/upright`` if there is none, or none
  /// that can be read. Decoding applies it unless told otherwise. <doc:Damaged-Files> says what counts.
  public private(set) var orientation = Orientation.upright
  /// The size of the EXIF data, which is a TIFF structure, in bytes; 0 if there is none. ``exifData(of:limits:)``
  /// returns the bytes.
  public private(set) var exifByteCount = 0
  /// What the numbers mean as colours, with the file's ICC data if it has some that can be read.
  public private(set) var colorProfile = ColorProfile.sRGB
  /// What the file holds beside its pixels, in bytes: see ``DecodingLimits/embeddedByteCount``.
  public private(set) var embeddedByteCount = 0
  /// What is wrong with the data beside the pixels: at most 16 warnings, all different. Damaged and misplaced data is
  /// not used. What is wrong with the pixels' data, or with the file's end, is only found by decoding:
  /// ``Bitmap/decodingWarnings``.
  public private(set) var warnings: [PictureWarning] = []
  private var isExifUnreadable = false
  private var isProfileUnreadable = false
  /// The memory, in bytes, that the codec must hold at once beside the pixels, if the header tells.
  let codecByteCount: Int
  /// False for the first part of a JPEG's header, and for the first part of an extended WebP's header: the chunk with
  /// the pixels can still contradict what the first chunk says about alpha.
  var isHeaderWhole = true
  /// The format that loses nothing of what is in the file. A picture in any other format must be what a conversion from
  /// this format gives, whichever way it is decoded.
  var richestFormat: PixelFormat
  /// The same for gray formats, if the picture stores gray beside its colours: the luma of a JPEG. Luma differs from
  /// the gray of the colours if RGB cannot hold them.
  var richestGray: PixelFormat?
  /// Whether the codec can reduce the picture while it decodes.
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
  /// Sizes of the picture are reported and not limited. These limits apply: ``DecodingLimits/colorProfileByteCount``;
  /// for the header of a Netpbm ``DecodingLimits/embeddedByteCount``; for a PNG
  /// ``DecodingLimits/workingMemoryByteCount``.
  ///
  /// - Throws: `notAPicture`, `unsupported`, `corrupt` or `truncated` if the header is not one that can be read;
  ///   `limitExceeded` if one of these limits is exceeded; `outOfMemory` if there is no memory for the codec;
  ///   `cancelled` if the calling task is cancelled.
  public init(probing bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) {
    let watch = WorkDeadline()
    try watch.check()
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe PictureInfo(inspecting: bytes, limits: limits, limitsSizes: false, watch: watch)
    }
  }

  /// Reads the header of the picture in a file. The file is read whole, into a native buffer.
  ///
  /// - Throws: As ``init(probing:limits:)``; `unreadableFile` if the file cannot be read; `limitExceeded` if it is
  ///   larger than ``DecodingLimits/encodedByteCount``.
  public init(
    probingFileAt path: String, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, context: context) {
      bytes throws(BitmapError) in
      try unsafe PictureInfo(inspecting: bytes, limits: limits, limitsSizes: false, watch: WorkDeadline())
    }
  }

  /// Reads as much of the file as there is: the result is that of a ``PictureDecoder`` that gets the file in one piece.
  init(
    inspecting bytes: UnsafeRawBufferPointer, minimumWidth: Int? = nil, limits: DecodingLimits, limitsSizes: Bool,
    watch: WorkDeadline
  ) throws(BitmapError) {
    var header = IncrementalHeaderParser(minimumWidth: minimumWidth, limitsSizes: limitsSizes)
    try unsafe header.look(at: bytes, limits: limits, watch: watch)
    if let info = header.info {
      self = info
      return
    }
    // The file ends within its header: let the codec make the error.
    let format = try unsafe PictureFormat(decodable: bytes.bytes)
    try unsafe self.init(headerOf: bytes, format: format, limits: limits, watch: watch)
  }

  /// Reads the header without the data beside the pixels. `endsAtSize`: the bytes are only the part of the header that
  /// has the size.
  init(
    headerOf bytes: UnsafeRawBufferPointer, endsAtSize: Bool = false, format: PictureFormat, limits: DecodingLimits,
    watch: WorkDeadline
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
    // If the maximum does not divide 255, samples are rounded when they become 8 bits.
    if 255 % header.maximum != 0 { richestFormat = header.channels == 1 ? .gray16 : .rgba16 }
  }

  /// Takes what is known about the data beside the pixels. Only what is not in `known` yet is read.
  mutating func take(
    _ embedded: MetadataScanner, since known: MetadataScanner?, in bytes: UnsafeRawBufferPointer, limits: DecodingLimits
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
    // The order of warnings does not depend on when each was found.
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
  /// The EXIF data of an encoded picture, a TIFF structure; nil if there is none that counts (<doc:Damaged-Files>). The
  /// data is copied and not interpreted.
  ///
  /// - Throws: `notAPicture`, `unsupported`; `cancelled` if the calling task is cancelled; `limitExceeded` if the data
  ///   has more than ``DecodingLimits/embeddedByteCount`` bytes.
  public static func exifData(of bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) -> [UInt8]? {
    let format = try PictureFormat(decodable: bytes)
    guard let range = try MetadataScanner(of: bytes, format: format, watch: WorkDeadline()).exif else { return nil }
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
  /// `withUnsafeBytes`, with errors of this module.
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
