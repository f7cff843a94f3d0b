import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A new bitmap of the same picture in another pixel format: to a gray one it is grayscale.
  ///
  /// Alpha that the new format cannot hold is laid on white. Gray is the luma of BT.601 (0.299, 0.587, 0.114), as in
  /// JPEG. Colours of pixels without alpha are lost where they are multiplied by it: not to be had back.
  ///
  /// Between formats of 8 bits every result is the exact one, rounded to the nearest, where alpha is laid on white after
  /// that step, too. In the same channels of another depth, integers become the nearest float or integer, and floats the
  /// nearest integer give or take a float's own rounding. Anything else is within 1 of the exact one on the scale of
  /// integers, and within 0.000001 where floats come out. The colour profile is kept where it fits the new format, see
  /// ``ColorProfile/fitting(_:)``.
  ///
  /// Costs a pass over the pixels.
  ///
  /// - Throws: `outOfMemory`, `pixelsUnavailable`, `cancelled`.
  public func converted(
    to format: PixelFormat, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format, origin: Origin(arena: arena, file: file, line: line, function: function))
  }

  /// The same picture in grays of the same depth, with its alpha where there is such a format; as
  /// ``converted(to:arena:file:line:function:)`` to ``PixelFormat/grayscale``.
  public func grayscaled(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format.grayscale, arena: arena, file: file, line: line, function: function)
  }

  /// The same picture with colours multiplied by alpha: a copy where they are, or where there is no alpha.
  ///
  /// - Throws: `unsupported` for formats with alpha of 16 bits and floats, of which there is no premultiplied one; else as
  ///   ``converted(to:arena:file:line:function:)``.
  public func premultiplied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    guard let multiplied = format.hasAlpha ? format.premultiplied : format else {
      throw BitmapError(.unsupported, "\(format) has no premultiplied form. Convert to rgba8Premultiplied.")
    }
    return try converted(to: multiplied, arena: arena, file: file, line: line, function: function)
  }

  /// The same picture with colours that are not multiplied by alpha: a copy where they are not.
  ///
  /// Multiplied and divided again, a colour of 8 bits is the old one give or take 127 / alpha; under an alpha of 0 it is
  /// lost. Throws as ``converted(to:arena:file:line:function:)``.
  public func unpremultiplied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format.straight, arena: arena, file: file, line: line, function: function)
  }

  func converted(to format: PixelFormat, origin: Origin) throws(BitmapError) -> Bitmap {
    let watch = WorkWatch()
    return try origin.bitmap(
      width: width, height: height, format: format, colorProfile: colorProfile.fitting(format)
    ) { result throws(BitmapError) in
      try unsafe withUnsafeRows(to: result) { source, target throws(BitmapError) in
        for y in 0..<height {
          try watch.check(row: y)
          unsafe cpixel_convert_row(
            source[y], self.format.kernelFormat, target[y], format.kernelFormat, width)
        }
      }
    }
  }
}

extension PixelFormat {
  var kernelFormat: cpixel_format { cpixel_format(UInt32(kind.rawValue)) }

  /// The channels of the formats that the oldest kernels know by no more than that; nil for the others.
  var plainChannelCount: Int? {
    switch kind {
    case .gray8, .rgb8, .rgba8: channelCount
    default: nil
    }
  }
}
