public import NativeBuffers

extension Bitmap {
  /// A new bitmap of the same picture in another pixel format.
  ///
  /// Alpha that the new format cannot hold is laid on white. Gray is the luma of BT.601 (0.299, 0.587, 0.114), as in
  /// JPEG. Costs a pass over the pixels.
  public func converted(
    to format: PixelFormat, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format, origin: Origin(arena: arena, file: file, line: line, function: function))
  }

  func converted(to format: PixelFormat, origin: Origin) throws(BitmapError) -> Bitmap {
    try origin.bitmap(width: width, height: height, format: format) { result throws(BitmapError) in
      try unsafe withUnsafeRows { source throws(BitmapError) in
        try unsafe result.withUnsafeMutableRows { target throws(BitmapError) in
          for y in 0..<height {
            unsafe Self.convertRow(source[y], self.format, to: target[y], format, count: width)
          }
        }
      }
    }
  }

  private static func convertRow(
    _ source: UnsafePointer<UInt8>, _ sourceFormat: PixelFormat, to target: UnsafeMutablePointer<UInt8>,
    _ targetFormat: PixelFormat, count: Int
  ) {
    if sourceFormat == targetFormat {
      unsafe target.update(from: source, count: count * sourceFormat.bytesPerPixel)
      return
    }
    for x in 0..<count {
      var pixel = unsafe Pixel(source + x * sourceFormat.bytesPerPixel, sourceFormat)
      if !targetFormat.hasAlpha { pixel.layOnWhite() }
      unsafe pixel.store(target + x * targetFormat.bytesPerPixel, targetFormat)
    }
  }
}

private struct Pixel {
  var red: UInt32
  var green: UInt32
  var blue: UInt32
  var alpha: UInt32 = 255

  init(_ bytes: UnsafePointer<UInt8>, _ format: PixelFormat) {
    red = UInt32(unsafe bytes[0])
    green = format == .gray8 ? red : UInt32(unsafe bytes[1])
    blue = format == .gray8 ? red : UInt32(unsafe bytes[2])
    if format == .rgba8 { alpha = UInt32(unsafe bytes[3]) }
  }

  mutating func layOnWhite() {
    guard alpha != 255 else { return }
    red = (red * alpha + 255 * (255 - alpha) + 127) / 255
    green = (green * alpha + 255 * (255 - alpha) + 127) / 255
    blue = (blue * alpha + 255 * (255 - alpha) + 127) / 255
    alpha = 255
  }

  func store(_ bytes: UnsafeMutablePointer<UInt8>, _ format: PixelFormat) {
    switch format.kind {
    case .gray8:
      // 16-bit fixed point, the weights add up to 65,536.
      unsafe bytes[0] = UInt8((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16)
    case .rgba8, .rgb8:
      unsafe bytes[0] = UInt8(red)
      unsafe bytes[1] = UInt8(green)
      unsafe bytes[2] = UInt8(blue)
      if format == .rgba8 { unsafe bytes[3] = UInt8(alpha) }
    }
  }
}
