public import NativeBuffers

extension Bitmap {
  /// A smaller copy in which every pixel is the average of the area that it covers, fractions of pixels included.
  ///
  /// The exact box filter: no aliasing of the kind that skipping pixels gives, a little softer than Lanczos. Colours are
  /// weighted with their alpha, so that transparent pixels do not bleed. Averages are of the encoded (sRGB) values.
  ///
  /// Costs one pass over the source, and scratch memory: 4 bytes per channel of one source row, 24 per target column.
  ///
  /// - Throws: `invalidArgument` where a side is below 1 or larger than it was: enlarging takes another filter.
  public func downscaled(
    toWidth newWidth: Int, height newHeight: Int, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    return try downscaled(toWidth: newWidth, height: newHeight, origin: origin)
  }

  /// A copy that is at most `newWidth` pixels wide, of the same proportions.
  ///
  /// A picture that is not wider than that is copied as it is: pictures are never enlarged.
  public func downscaled(
    toWidth newWidth: Int, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    return try downscaled(toWidth: newWidth, origin: origin)
  }

  func downscaled(toWidth newWidth: Int, origin: Origin) throws(BitmapError) -> Bitmap {
    let newWidth = min(newWidth, width)
    // Rounded to nearest, and a row is left even of a picture that is a thousand times wider than high.
    let doubled = width.dividingFullWidth(height.multipliedFullWidth(by: 2 * max(newWidth, 0))).quotient
    let newHeight = max(1, (doubled + 1) / 2)
    return try downscaled(toWidth: newWidth, height: min(newHeight, height), origin: origin)
  }

  func downscaled(toWidth newWidth: Int, height newHeight: Int, origin: Origin) throws(BitmapError) -> Bitmap {
    guard newWidth > 0, newHeight > 0, newWidth <= width, newHeight <= height else {
      throw BitmapError(
        .invalidArgument,
        "a bitmap of \(width)×\(height) cannot be downscaled to \(newWidth)×\(newHeight). "
          + "Give sides of at least 1 that are not larger than they are.")
    }
    return try origin.bitmap(width: newWidth, height: newHeight, format: format) { result throws(BitmapError) in
      if newWidth == width && newHeight == height {
        try copyRows(to: result)
      } else {
        try averageAreas(into: result, origin: origin)
      }
    }
  }

  private func copyRows(to result: Bitmap) throws(BitmapError) {
    try unsafe withUnsafeRows { source throws(BitmapError) in
      try unsafe result.withUnsafeMutableRows { target throws(BitmapError) in
        for y in 0..<height { unsafe target[y].update(from: source[y], count: width * format.bytesPerPixel) }
      }
    }
  }

  private func averageAreas(into result: Bitmap, origin: Origin) throws(BitmapError) {
    let byteCount = AreaScratch(from: self, to: result).byteCount
    try unsafe origin.withScratch(byteCount: byteCount) { scratch throws(BitmapError) in
      try unsafe withUnsafeRows { source throws(BitmapError) in
        try unsafe result.withUnsafeMutableRows { target throws(BitmapError) in
          guard let filter = unsafe AreaFilter(from: self, to: result, scratch: scratch) else { throw .emptyBuffer }
          unsafe filter.run(source, target)
        }
      }
    }
  }
}
