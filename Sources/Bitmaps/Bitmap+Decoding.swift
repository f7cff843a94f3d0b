public import NativeBuffers

extension Bitmap {
  /// Decodes the JPEG, PNG, WebP or Netpbm picture in a file.
  ///
  /// The whole picture or an error: a file that is cut short or damaged never becomes a half-gray bitmap. The format is
  /// told by the file's content. ICC data is kept as ``colorProfile`` and not applied.
  ///
  /// - Parameters:
  ///   - path: A regular file, which is read whole, into a native buffer that is released before this returns.
  ///   - format: The pixel format to deliver; nil for the smallest that loses no channel, see
  ///     ``PictureInfo/pixelFormat``. Alpha that the format cannot hold is laid on white.
  ///   - minimumWidth: Where given, a JPEG or WebP is decoded at 1/2, 1/4 or 1/8 of its size if that is still at least so wide.
  ///     That is several times faster, and the reduction is a good one. Other formats come in full size.
  ///   - appliesOrientation: Whether a picture that EXIF data calls turned or mirrored is made upright; then width and
  ///     height, and `minimumWidth`, are those of the upright picture. Costs a second bitmap while it is done, and
  ///     nothing where the picture is upright already.
  ///   - limits: What the picture may cost.
  /// - Throws: `unreadableFile`, `notAPicture`, `unsupported`, `corrupt`, `truncated`, `limitExceeded`, `outOfMemory`;
  ///   `cancelled` where the task that called is cancelled, looked at every few rows.
  public init(
    decodingFileAt path: String, format: PixelFormat? = nil, minimumWidth: Int? = nil,
    appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, origin: origin) {
      bytes throws(BitmapError) in
      try unsafe Bitmap(
        bytes, format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits,
        origin: origin)
    }
  }

  /// Decodes a JPEG, PNG, WebP or Netpbm picture that is in memory. As ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``.
  public init(
    decoding bytes: RawSpan, format: PixelFormat? = nil, minimumWidth: Int? = nil,
    appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe Bitmap(
        bytes, format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits,
        origin: origin)
    }
  }

  init(
    _ bytes: UnsafeRawBufferPointer, format: PixelFormat?, minimumWidth: Int?, appliesOrientation: Bool,
    limits: DecodingLimits, origin: Origin
  ) throws(BitmapError) {
    var watch = WorkWatch(wallTime: limits.wallTime)
    // Only for the error; what is no picture is refused below.
    watch.format = unsafe PictureFormat(recognizing: bytes.bytes)
    try watch.check()
    guard bytes.count <= limits.encodedByteCount else {
      throw BitmapError(
        exceeding: .init(
          name: "encodedByteCount", needed: bytes.count, allowed: limits.encodedByteCount, unit: "bytes"),
        format: nil, subject: "this picture")
    }
    let info = try unsafe PictureInfo(inspecting: bytes, limits: limits)
    try limits.check(info)
    let orientation = appliesOrientation ? info.orientation : .upright
    var stored: Bitmap
    let futureWidth = orientation.swapsSides ? info.height : info.width
    let denominator = JPEGCodec.denominator(for: futureWidth, minimumWidth: minimumWidth)
    switch info.format {
    case .jpeg:
      stored = try unsafe Bitmap(
        jpeg: bytes, info, denominator: denominator, format: format, limits: limits, watch: watch, origin: origin)
    case .webp:
      stored = try unsafe Bitmap(
        webP: bytes, info, denominator: denominator, format: format, limits: limits, watch: watch, origin: origin)
    case .netpbm:
      stored = try unsafe Bitmap(netpbm: bytes, info, format: format, watch: watch, origin: origin)
    default:
      stored = try unsafe Bitmap(png: bytes, info, format: format, limits: limits, watch: watch, origin: origin)
    }
    // Not of CMYK, whose profile is not that of the pixels it became.
    stored.colorProfile = info.colorProfile.fitting(stored.format)
    guard orientation != .upright else {
      self = stored
      return
    }
    defer { origin.dispose(stored) }
    self = try stored.oriented(orientation, origin: origin)
  }

  private init(
    jpeg bytes: UnsafeRawBufferPointer, _ info: PictureInfo, denominator: Int, format: PixelFormat?,
    limits: DecodingLimits, watch: WorkWatch, origin: Origin
  ) throws(BitmapError) {
    let decoded = format.flatMap { $0.codecLayout == nil ? nil : $0 } ?? info.pixelFormat
    let bitmap = try origin.bitmap(
      width: JPEGCodec.reduced(info.width, by: denominator), height: JPEGCodec.reduced(info.height, by: denominator),
      format: decoded
    ) { bitmap throws(BitmapError) in
      try unsafe JPEGCodec.decode(bytes, denominator: denominator, limits: limits, watch: watch, into: bitmap)
    }
    self = try bitmap.taken(as: format, origin: origin)
  }

  private init(
    png bytes: UnsafeRawBufferPointer, _ info: PictureInfo, format: PixelFormat?, limits: DecodingLimits,
    watch: WorkWatch, origin: Origin
  ) throws(BitmapError) {
    // libpng can add channels and bits; taking them away is a matter of taste, and done here.
    let isTaken =
      format == .rgba8 || format == .rgba16 || format == .rgb8 && !info.pixelFormat.hasAlpha
      || format == .gray16 && info.pixelFormat == .gray8
    let decoded = isTaken ? format : nil
    let bitmap = try origin.bitmap(
      width: info.width, height: info.height, format: decoded ?? info.pixelFormat
    ) { bitmap throws(BitmapError) in
      try unsafe PNGCodec.decode(bytes, limits: limits, watch: watch, into: bitmap)
    }
    self = try bitmap.taken(as: format, origin: origin)
  }

  private init(
    webP bytes: UnsafeRawBufferPointer, _ info: PictureInfo, denominator: Int, format: PixelFormat?,
    limits: DecodingLimits, watch: WorkWatch, origin: Origin
  ) throws(BitmapError) {
    // libwebp leaves alpha out where there is no room for it; it is to be laid on white instead.
    let decoded: PixelFormat = info.pixelFormat.hasAlpha || format == .rgba8 ? .rgba8 : .rgb8
    let bitmap = try origin.bitmap(
      width: JPEGCodec.reduced(info.width, by: denominator), height: JPEGCodec.reduced(info.height, by: denominator),
      format: decoded
    ) { bitmap throws(BitmapError) in
      try unsafe WebPCodec.decode(bytes, limits: limits, watch: watch, into: bitmap)
    }
    self = try bitmap.taken(as: format, origin: origin)
  }

  private init(
    netpbm bytes: UnsafeRawBufferPointer, _ info: PictureInfo, format: PixelFormat?, watch: WorkWatch, origin: Origin
  ) throws(BitmapError) {
    try unsafe NetpbmCodec.checkByteCount(bytes)
    let bitmap = try origin.bitmap(width: info.width, height: info.height, format: info.pixelFormat) {
      bitmap throws(BitmapError) in
      try unsafe NetpbmCodec.decode(bytes, watch: watch, into: bitmap)
    }
    self = try bitmap.taken(as: format, origin: origin)
  }

  /// This bitmap where it has the format or nil is asked for; else one of that format, and this one is disposed.
  private func taken(as format: PixelFormat?, origin: Origin) throws(BitmapError) -> Bitmap {
    guard let format, format != self.format else { return self }
    defer { origin.dispose(self) }
    return try converted(to: format, origin: origin)
  }
}
