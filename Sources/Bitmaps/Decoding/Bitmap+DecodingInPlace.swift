// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// Decodes a picture into the pixels of this bitmap, which keeps its memory. Use it to decode frame after frame
  /// without allocating pixels, or to decode straight into memory that other code allocated.
  ///
  ///     try frame.replacePixels(decoding: bytes)
  ///
  /// The upright picture must have this bitmap's size. It is stored in this bitmap's format and distance between rows.
  /// As with every change, if other values share the pixels, this value first gets its own.
  ///
  /// No memory for pixels is taken if the picture is upright in its file and the codec delivers the format: `rgb8` of a
  /// JPEG, `rgba8` of a JPEG, PNG or WebP, and any picture's own ``PictureInfo/pixelFormat``. Otherwise the picture is
  /// decoded into a bitmap in `arena`, copied, and that bitmap is released before this returns.
  ///
  /// - Throws: `invalidArgument` if the picture's size is not the bitmap's; `pixelsUnavailable` if the bitmap was
  ///   disposed or is being written; else as
  ///   ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``. After an error
  ///   in the picture's data, the bitmap can hold pixels of both pictures.
  public mutating func replacePixels(
    decoding bytes: RawSpan, appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let deadline = WorkDeadline(wallTime: limits.wallTime)
    let format = format
    let options = DecodingOptions(format: format, appliesOrientation: appliesOrientation, limits: limits)
    let header = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe PictureHeader(
        bytes, IncrementalHeaderParser(Recognition(of: bytes.bytes), limits: limits), options, deadline: deadline)
    }
    let info = header.info
    let isUpright = info.orientation == .upright || !appliesOrientation
    let (newWidth, newHeight) = isUpright ? (info.width, info.height) : (info.uprightWidth, info.uprightHeight)
    guard newWidth == width, newHeight == height else {
      throw BitmapError(
        .invalidArgument,
        "a \(info.format) of \(newWidth)×\(newHeight) does not fit a bitmap of \(width)×\(height). Make one of its "
          + "size.",
        format: info.format)
    }
    try limits.check(info, width: width, height: height, format: format)
    try makeUnique(file: file, line: line, function: function)
    // libwebp takes the distance between rows as a number of 32 bits.
    let isDirect = isUpright && info.codecFormat(for: format) == format && bytesPerRow <= Int(Int32.max)
    let target = self
    decodingWarnings = try unsafe bytes.reading { bytes throws(BitmapError) in
      if isDirect {
        return try unsafe header.decodePixels(
          of: bytes, denominator: 1, limits: limits, deadline: deadline, into: target)
      }
      let decoded = try unsafe Bitmap(bytes, header, options, context: context, deadline: deadline)
      defer { context.dispose(decoded) }
      try decoded.copyRows(to: target)
      return decoded.decodingWarnings
    }
    colorProfile = info.colorProfile.fitting(format)
  }
}
