import CImageCodecs
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
  /// CMYK becomes `rgb8`, gray with alpha `rgba8`, 16 bits become 8.
  public let pixelFormat: PixelFormat
  /// A progressive JPEG or an interlaced PNG.
  public let isProgressive: Bool
  /// What is to be done to the picture so that it is upright, by its EXIF data; ``Orientation/upright`` where there is
  /// none, or none that can be read. Decoding does it unless told otherwise.
  public private(set) var orientation = Orientation.upright
  /// What the codec must hold at once beside the pixels, as far as the header tells. In bytes.
  let codecByteCount: Int

  init(
    format: PictureFormat, width: Int, height: Int, pixelFormat: PixelFormat, isProgressive: Bool, codecByteCount: Int
  ) {
    self.format = format
    self.width = width
    self.height = height
    self.pixelFormat = pixelFormat
    self.isProgressive = isProgressive
    self.codecByteCount = codecByteCount
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
  /// Throws `notAPicture`, `unsupported`, `corrupt` or `truncated`. Sizes are reported, not limited.
  public init(probing bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) {
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe PictureInfo(inspecting: bytes, limits: limits)
    }
  }

  /// Reads the header of the picture in a file. The file is read whole, into a native buffer.
  public init(
    probingFileAt path: String, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, origin: origin) {
      bytes throws(BitmapError) in
      try unsafe PictureInfo(inspecting: bytes, limits: limits)
    }
  }

  init(inspecting bytes: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) {
    switch try unsafe PictureFormat(decodable: bytes.bytes) {
    case .jpeg: self = try unsafe JPEGCodec.inspect(bytes, limits: limits)
    case .webp: self = try unsafe WebPCodec.inspect(bytes, limits: limits)
    case .netpbm: self = try unsafe NetpbmCodec.inspect(bytes)
    default: self = try unsafe PNGCodec.inspect(bytes, limits: limits)
    }
    orientation = unsafe ExifOrientation.find(in: bytes.bytes, format: format)
  }
}

extension PictureFormat {
  /// The format of these bytes; throws where there is none that can be decoded.
  init(decodable bytes: RawSpan) throws(BitmapError) {
    guard bytes.byteCount > 0 else {
      throw BitmapError(.notAPicture, "there is nothing in it: 0 bytes.")
    }
    guard let format = PictureFormat(recognizing: bytes) else {
      throw BitmapError(.notAPicture, "this is no picture: it starts like no JPEG, PNG, WebP or Netpbm file.")
    }
    guard format.isDecodable else {
      throw BitmapError(
        .unsupported, "this is a \(format) picture, which cannot be decoded here. Convert it to JPEG or PNG.",
        format: format)
    }
    self = format
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
