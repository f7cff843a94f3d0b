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
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
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
    let options = DecodingOptions(
      format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, context: context) {
      bytes, recognition throws(BitmapError) in
      try unsafe Bitmap(bytes, recognition, options, context: context)
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
    let options = DecodingOptions(
      format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits)
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe Bitmap(bytes, Recognition(of: bytes.bytes), options, context: context)
    }
  }

  private init(
    _ bytes: UnsafeRawBufferPointer, _ recognition: Recognition, _ options: DecodingOptions,
    context: AllocationContext
  ) throws(BitmapError) {
    let deadline = WorkDeadline(wallTime: options.limits.wallTime, format: recognition.format)
    let parser = IncrementalHeaderParser(recognition, minimumWidth: options.minimumWidth, limits: options.limits)
    let header = try unsafe PictureHeader(bytes, parser, options, deadline: deadline)
    try unsafe self.init(bytes, header, options, context: context, deadline: deadline)
  }

  /// Decodes the pixels of a picture whose header was read.
  init(
    _ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, _ options: DecodingOptions,
    context: AllocationContext, deadline: WorkDeadline
  ) throws(BitmapError) {
    let (info, limits) = (header.info, options.limits)
    if let minimumWidth = options.minimumWidth, minimumWidth < 1 {
      throw BitmapError(
        .invalidArgument, "a picture cannot be at least \(minimumWidth) pixels wide; give at least 1, or nil.",
        format: info.format)
    }
    let denominator = header.denominator(options)
    let (width, height) = info.size(reducedBy: denominator)
    try limits.check(info, width: width, height: height, format: options.format)
    var warnings = info.warnings
    let decoded = try context.bitmap(width: width, height: height, format: info.codecFormat(for: options.format)) {
      bitmap throws(BitmapError) in
      warnings = try unsafe header.decodePixels(
        of: bytes, denominator: denominator, limits: limits, deadline: deadline, into: bitmap)
    }
    var stored = try decoded.convertedIfNeeded(to: options.format, context: context)
    // A CMYK profile does not fit the RGB pixels that CMYK becomes.
    stored.colorProfile = info.colorProfile.fitting(stored.format)
    if !options.appliesOrientation || info.orientation == .upright {
      self = stored
    } else {
      defer { context.dispose(stored) }
      self = try stored.oriented(info.orientation, context: context)
    }
    decodingWarnings = warnings
  }

  /// Returns this bitmap if it has the format or `format` is nil. Otherwise returns a converted bitmap, and disposes
  /// this one.
  private func convertedIfNeeded(to format: PixelFormat?, context: AllocationContext) throws(BitmapError) -> Bitmap {
    guard let format, format != self.format else { return self }
    defer { context.dispose(self) }
    return try converted(to: format, context: context)
  }
}
