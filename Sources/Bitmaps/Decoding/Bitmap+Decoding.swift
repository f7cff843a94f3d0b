// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// Decodes the JPEG, PNG, WebP or Netpbm picture in a file.
  ///
  /// The result is the whole picture or an error. If every pixel that the file promises was decoded from the file's own
  /// data, it is a picture, and ``decodingWarnings`` says what else is wrong with the file. A file with missing or
  /// damaged pixels never becomes a half-gray bitmap. <doc:Damaged-Files> has the rule for each format.
  ///
  /// The format is recognised by the file's content. Of an animated WebP or PNG, the first frame is decoded, see
  /// ``PictureInfo/frameCount``. ICC data is kept as ``colorProfile`` and not applied.
  ///
  /// - Parameters:
  ///   - path: A regular file. It is read whole, into a native buffer that is released before this returns.
  ///   - format: The pixel format to deliver. The pixels are what a conversion from a format that loses nothing of the
  ///     file would give. (Gray formats of a JPEG are its luma. If RGB cannot hold a colour of the file, luma differs
  ///     slightly from the gray of that colour.) Nil for the smallest format that loses no channel, see
  ///     ``PictureInfo/pixelFormat``. If the format has no alpha, the file's alpha is laid on white.
  ///   - minimumWidth: If given, a JPEG or WebP is decoded at 1/2, 1/4 or 1/8 of its size, as far as it stays at least
  ///     this wide. That is several times faster, and the quality of the reduction is good. Other formats are decoded
  ///     in full size, and so is the first frame of an animation if it does not cover the canvas.
  ///   - appliesOrientation: Whether a picture that is turned or mirrored by its EXIF data is made upright. Then width
  ///     and height, and `minimumWidth`, are those of the upright picture. This needs a second bitmap for a while, but
  ///     nothing if the picture is upright already.
  ///   - limits: What the picture may cost.
  /// - Throws: `unreadableFile` if the file cannot be read; `notAPicture`, `unsupported`, `corrupt` or `truncated` if
  ///   its content is not a whole picture that can be decoded; `limitExceeded` if it exceeds `limits`; `outOfMemory` if
  ///   there is no memory for it; `invalidArgument` if `minimumWidth` is below 1; `cancelled` if the calling task is
  ///   cancelled, which is checked every few rows.
  public init(
    decodingFileAt path: String, format: PixelFormat? = nil, minimumWidth: Int? = nil,
    appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, context: context) {
      bytes throws(BitmapError) in
      try unsafe Bitmap(
        bytes, format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits,
        context: context, watch: WorkDeadline(wallTime: limits.wallTime))
    }
  }

  /// Decodes a JPEG, PNG, WebP or Netpbm picture that is in memory. Like
  /// ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``.
  public init(
    decoding bytes: RawSpan, format: PixelFormat? = nil, minimumWidth: Int? = nil,
    appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe Bitmap(
        bytes, format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits,
        context: context, watch: WorkDeadline(wallTime: limits.wallTime))
    }
  }

  init(
    _ bytes: UnsafeRawBufferPointer, format: PixelFormat?, minimumWidth: Int?, appliesOrientation: Bool,
    limits: DecodingLimits, context: AllocationContext, watch: WorkDeadline
  ) throws(BitmapError) {
    var watch = watch
    // Used only in error messages; bytes that are not a picture are refused below.
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
    let decoded = try context.bitmap(width: width, height: height, format: info.codecFormat(for: format)) {
      bitmap throws(BitmapError) in
      warnings = try unsafe bitmap.fill(from: bytes, info, denominator: denominator, limits: limits, watch: watch)
    }
    var stored = try decoded.taken(as: format, context: context)
    // A CMYK profile does not fit the RGB pixels that CMYK becomes.
    stored.colorProfile = info.colorProfile.fitting(stored.format)
    if orientation == .upright {
      self = stored
    } else {
      defer { context.dispose(stored) }
      self = try stored.oriented(orientation, context: context)
    }
    decodingWarnings = warnings
  }

  /// Makes the codec write every pixel of this bitmap. The bitmap has the picture's size over `denominator`, and the
  /// format of ``PictureInfo/codecFormat(for:)``. Returns all warnings about the file.
  func fill(
    from bytes: UnsafeRawBufferPointer, _ info: PictureInfo, denominator: Int, limits: DecodingLimits,
    watch: WorkDeadline
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

  /// Returns this bitmap if it has the format or `format` is nil. Otherwise returns a converted bitmap, and disposes
  /// this one.
  private func taken(as format: PixelFormat?, context: AllocationContext) throws(BitmapError) -> Bitmap {
    guard let format, format != self.format else { return self }
    defer { context.dispose(self) }
    return try converted(to: format, context: context)
  }
}

extension PictureInfo {
  /// Reads the header of a picture that is about to be decoded, with all that is known about it, and checks the limits.
  init(
    decoding bytes: UnsafeRawBufferPointer, minimumWidth: Int? = nil, appliesOrientation: Bool, limits: DecodingLimits,
    watch: WorkDeadline
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
    // The orientation is known by now, so the exact denominator can be checked.
    try limits.check(
      self, denominator: denominator(minimumWidth: minimumWidth, appliesOrientation: appliesOrientation))
    try BitmapError.check(warnings, of: format, limits: limits)
    if format == .netpbm { try unsafe NetpbmCodec.checkByteCount(bytes, limits: limits, watch: watch) }
  }

  /// The denominator by which the codec reduces the picture so that the upright picture keeps at least `minimumWidth`.
  /// It is 1 if no reduction fits.
  func denominator(minimumWidth: Int?, appliesOrientation: Bool) -> Int {
    guard canShrink else { return 1 }
    let futureWidth = appliesOrientation && orientation.swapsSides ? height : width
    return JPEGCodec.denominator(for: futureWidth, minimumWidth: minimumWidth)
  }

  /// The same before the orientation is known: the larger of the two possible denominators.
  func strongestDenominator(minimumWidth: Int?) -> Int {
    guard canShrink else { return 1 }
    return JPEGCodec.denominator(for: max(width, height), minimumWidth: minimumWidth)
  }

  /// The format that the codec delivers if `format` is asked for. Nil asks for the picture's own format.
  func codecFormat(for format: PixelFormat?) -> PixelFormat {
    let wanted = format ?? pixelFormat
    let richest = wanted.isGray ? richestGray ?? richestFormat : richestFormat
    // What a codec delivers must be the same as a conversion from the richest format.
    let isTaken: Bool
    switch self.format {
    case .jpeg: isTaken = wanted == .rgb8 || wanted == .rgba8
    // If the format has no alpha, libwebp drops alpha. It must be laid on white instead.
    case .webp: isTaken = wanted == .rgba8
    case .netpbm: isTaken = wanted == pixelFormat
    // libpng can add channels and bits, and round 16 bits to 8. There are several ways to remove channels, so this
    // module does that itself.
    default:
      isTaken =
        wanted == pixelFormat || wanted == .rgba8 || wanted == .rgba16 || wanted == .rgb8 && !pixelFormat.hasAlpha
        || wanted == .gray16 && pixelFormat == .gray8
    }
    return isTaken ? wanted : richest
  }
}
