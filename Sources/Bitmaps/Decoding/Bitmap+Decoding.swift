public import NativeBuffers

extension Bitmap {
  /// Decodes the JPEG, PNG, WebP or Netpbm picture in a file.
  ///
  /// The whole picture or an error: if every pixel that the file promises was decoded from the file's own data, it is a
  /// picture, and what else is wrong with the file is in ``decodingWarnings``; a file of which pixels are missing or damaged
  /// never becomes a half-gray bitmap. <doc:Damaged-Files> has the rule for each format. The format is told by the file's
  /// content. Of an animated WebP or PNG the first frame is decoded, see ``PictureInfo/frameCount``. ICC data is kept as
  /// ``colorProfile`` and not applied.
  ///
  /// - Parameters:
  ///   - path: A regular file, which is read whole, into a native buffer that is released before this returns.
  ///   - format: The pixel format to deliver: what a conversion of the format that loses nothing of the file would be. (Gray
  ///     formats of a JPEG are its luma, which is not quite the gray of its colours where RGB cannot hold those.) Nil for the smallest that loses no channel, see
  ///     ``PictureInfo/pixelFormat``. Alpha that the format cannot hold is laid on white.
  ///   - minimumWidth: Where given, a JPEG or WebP is decoded at 1/2, 1/4 or 1/8 of its size if that is still at least so wide.
  ///     That is several times faster, and the reduction is a good one. Other formats come in full size, and so does the
  ///     first frame of an animation that does not cover its canvas.
  ///   - appliesOrientation: Whether a picture that EXIF data calls turned or mirrored is made upright; then width and
  ///     height, and `minimumWidth`, are those of the upright picture. Costs a second bitmap while it is done, and
  ///     nothing where the picture is upright already.
  ///   - limits: What the picture may cost.
  /// - Throws: `unreadableFile`, `notAPicture`, `unsupported`, `corrupt`, `truncated`, `limitExceeded`, `outOfMemory`;
  ///   `invalidArgument` where `minimumWidth` is below 1;
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
        origin: origin, watch: WorkWatch(wallTime: limits.wallTime))
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
        origin: origin, watch: WorkWatch(wallTime: limits.wallTime))
    }
  }

  init(
    _ bytes: UnsafeRawBufferPointer, format: PixelFormat?, minimumWidth: Int?, appliesOrientation: Bool,
    limits: DecodingLimits, origin: Origin, watch: WorkWatch
  ) throws(BitmapError) {
    var watch = watch
    // Only for the error; what is no picture is refused below.
    watch.format = unsafe PictureFormat(recognizing: bytes.bytes)
    let info = try unsafe PictureInfo(
      decoding: bytes, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits, watch: watch)
    if let minimumWidth, minimumWidth < 1 {
      throw BitmapError(
        .invalidArgument, "a picture cannot be at least \(minimumWidth) pixels wide; give at least 1, or nil.",
        format: info.format)
    }
    let orientation = appliesOrientation ? info.orientation : .upright
    let denominator = info.denominator(minimumWidth: minimumWidth, appliesOrientation: appliesOrientation)
    let (width, height) = (
      JPEGCodec.reduced(info.width, by: denominator), JPEGCodec.reduced(info.height, by: denominator)
    )
    try limits.check(info, width: width, height: height, format: format)
    var warnings = info.warnings
    let decoded = try origin.bitmap(width: width, height: height, format: info.codecFormat(for: format)) {
      bitmap throws(BitmapError) in
      warnings = try unsafe bitmap.fill(from: bytes, info, denominator: denominator, limits: limits, watch: watch)
    }
    var stored = try decoded.taken(as: format, origin: origin)
    // Not of CMYK, whose profile is not that of the pixels it became.
    stored.colorProfile = info.colorProfile.fitting(stored.format)
    if orientation == .upright {
      self = stored
    } else {
      defer { origin.dispose(stored) }
      self = try stored.oriented(orientation, origin: origin)
    }
    decodingWarnings = warnings
  }

  /// Has the codec write every pixel of this bitmap, which has the picture's size over `denominator` and the format of
  /// ``PictureInfo/codecFormat(for:)``. Returns all that is to be warned of in the file.
  func fill(
    from bytes: UnsafeRawBufferPointer, _ info: PictureInfo, denominator: Int, limits: DecodingLimits, watch: WorkWatch
  ) throws(BitmapError) -> [PictureWarning] {
    let found: [PictureWarning]
    switch info.format {
    case .jpeg:
      found = try unsafe JPEGCodec.decode(bytes, denominator: denominator, limits: limits, watch: watch, into: self)
    case .webp: found = try unsafe WebPCodec.decode(bytes, limits: limits, watch: watch, into: self)
    case .netpbm:
      try unsafe NetpbmCodec.decode(bytes, limits: limits, watch: watch, into: self)
      found = []
    default: found = try unsafe PNGCodec.decode(bytes, limits: limits, watch: watch, into: self)
    }
    var warnings = info.warnings
    for warning in found { PictureWarning.add(warning, to: &warnings) }
    try BitmapError.check(warnings, of: info.format, limits: limits)
    return warnings
  }

  /// This bitmap where it has the format or nil is asked for; else one of that format, and this one is disposed.
  private func taken(as format: PixelFormat?, origin: Origin) throws(BitmapError) -> Bitmap {
    guard let format, format != self.format else { return self }
    defer { origin.dispose(self) }
    return try converted(to: format, origin: origin)
  }
}

extension PictureInfo {
  /// The header of a picture that is about to be decoded, with all that is known about it within the limits.
  init(
    decoding bytes: UnsafeRawBufferPointer, minimumWidth: Int? = nil, appliesOrientation: Bool, limits: DecodingLimits,
    watch: WorkWatch
  ) throws(BitmapError) {
    try watch.check()
    guard bytes.count <= limits.encodedByteCount else {
      throw BitmapError(
        exceeding: .init(
          name: "encodedByteCount", needed: bytes.count, allowed: limits.encodedByteCount, unit: "bytes"),
        format: nil, subject: "this picture")
    }
    try unsafe self.init(
      inspecting: bytes, minimumWidth: minimumWidth, limits: limits, limitsSizes: true, watch: watch)
    // By now it is known how the picture is turned.
    try limits.check(
      self, denominator: denominator(minimumWidth: minimumWidth, appliesOrientation: appliesOrientation))
    try BitmapError.check(warnings, of: format, limits: limits)
    if format == .netpbm { try unsafe NetpbmCodec.checkByteCount(bytes, limits: limits, watch: watch) }
  }

  /// By how much the codec is to reduce the picture so that the upright one is still so wide, or wider than wanted.
  func denominator(minimumWidth: Int?, appliesOrientation: Bool) -> Int {
    guard canShrink else { return 1 }
    let futureWidth = appliesOrientation && orientation.swapsSides ? height : width
    return JPEGCodec.denominator(for: futureWidth, minimumWidth: minimumWidth)
  }

  /// The same while it is not known yet how the picture is turned: the stronger one.
  func strongestDenominator(minimumWidth: Int?) -> Int {
    guard canShrink else { return 1 }
    return JPEGCodec.denominator(for: max(width, height), minimumWidth: minimumWidth)
  }

  /// What the codec delivers where `format` is asked for; nil is for the picture's own.
  func codecFormat(for format: PixelFormat?) -> PixelFormat {
    let wanted = format ?? pixelFormat
    let richest = wanted.isGray ? richestGray ?? richestFormat : richestFormat
    // What a codec delivers must be what a conversion of the richest format would be.
    let isTaken: Bool
    switch self.format {
    case .jpeg: isTaken = wanted == .rgb8 || wanted == .rgba8
    // libwebp leaves alpha out where there is no room for it; it is to be laid on white instead.
    case .webp: isTaken = wanted == .rgba8
    case .netpbm: isTaken = wanted == pixelFormat
    // libpng can add channels and bits, and round 16 to 8; taking channels away is a matter of taste, and done here.
    default:
      isTaken =
        wanted == pixelFormat || wanted == .rgba8 || wanted == .rgba16 || wanted == .rgb8 && !pixelFormat.hasAlpha
        || wanted == .gray16 && pixelFormat == .gray8
    }
    return isTaken ? wanted : richest
  }
}
