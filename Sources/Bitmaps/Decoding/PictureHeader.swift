// SPDX-License-Identifier: Apache-2.0

/// The header of an encoded picture, and the codec that has read it and can decode the pixels.
struct PictureHeader {
  let codec: any PictureCodec
  let info: PictureInfo

  /// Reads the header of a picture that is about to be decoded, with all that is known about it, and checks the limits.
  ///
  /// - Parameter parser: Has read the header as far as it has arrived, or nothing yet.
  init(
    _ bytes: UnsafeRawBufferPointer, _ parser: IncrementalHeaderParser, _ options: DecodingOptions,
    deadline: WorkDeadline
  ) throws(BitmapError) {
    try deadline.check()
    let limits = options.limits
    guard bytes.count <= limits.encodedByteCount else {
      throw BitmapError(
        exceeding: .init(
          name: "encodedByteCount", needed: bytes.count, allowed: limits.encodedByteCount, unit: "bytes"),
        format: nil, subject: "this picture")
    }
    var parser = parser
    (codec, info) = try unsafe parser.finish(bytes, deadline: deadline)
    // The orientation is known by now, so the exact denominator can be checked.
    try limits.check(info, denominator: denominator(options))
    try BitmapError.check(info.warnings, of: info.format, limits: limits)
    try unsafe codec.checkByteCount(of: bytes)
  }

  func denominator(_ options: DecodingOptions) -> Int {
    info.denominator(minimumWidth: options.minimumWidth, appliesOrientation: options.appliesOrientation)
  }

  /// Makes the codec write every pixel of a bitmap. It has the picture's size over `denominator`, and the format of
  /// ``PictureInfo/codecFormat(for:)``. Returns all warnings about the file.
  func decodePixels(
    of bytes: UnsafeRawBufferPointer, denominator: Int, limits: DecodingLimits, deadline: WorkDeadline,
    into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    let found = try unsafe codec.decode(bytes, denominator: denominator, deadline: deadline, into: bitmap)
    var warnings = info.warnings
    for warning in found { PictureWarning.add(warning, to: &warnings) }
    try BitmapError.check(warnings, of: info.format, limits: limits)
    return warnings
  }
}

/// What a caller asks of the pixels that it gets.
struct DecodingOptions {
  /// Nil for the picture's own format.
  var format: PixelFormat?
  /// Nil for the whole size.
  var minimumWidth: Int?
  var appliesOrientation = true
  var limits: DecodingLimits
}
