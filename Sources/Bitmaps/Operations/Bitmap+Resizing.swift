public import NativeBuffers

extension Bitmap {
  /// A copy in another size, larger or smaller, each side for itself.
  ///
  /// Colours are weighted with their alpha, so that transparent pixels do not bleed; a pixel that comes out wholly
  /// transparent is all zeros. Weights apply to the encoded (sRGB) values. Results are within 1 of 255 of the exact
  /// ones, of 16 bits within 2 of 65,535, of floats within 0.00001. In the same size the copy is exact.
  ///
  /// Cost: one axis after the other. Each takes as many multiplications as its result has samples, times the source
  /// pixels that make one of them: for ``ResizeFilter/area`` the one or two that it touches when enlarging, all that it
  /// covers when shrinking, so that the source is read once; for ``ResizeFilter/bilinear`` 2 and for
  /// ``ResizeFilter/lanczos3`` 6, times as many as the picture shrinks by. The order of the axes is the cheaper one, or
  /// takes about twice its work at most.
  ///
  /// Scratch memory: 4 bytes per channel of a source row, of two where hundreds make one, and where the picture becomes
  /// narrower and taller of up to 8 target rows; per target column and row 16 bytes, and 4 for each pixel that counts.
  ///
  /// - Throws: `invalidArgument` where a side is below 1, or beyond 2^31 - 1; `outOfMemory`, which says whether for the
  ///   pixels or for scratch memory; `pixelsUnavailable`, `cancelled`.
  public func resized(
    toWidth newWidth: Int, height newHeight: Int, filter: ResizeFilter = .area, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    return try resized(toWidth: newWidth, height: newHeight, filter: filter, origin: origin)
  }

  /// A smaller copy by the area filter: ``resized(toWidth:height:filter:arena:file:line:function:)`` that refuses to
  /// enlarge.
  ///
  /// - Throws: `invalidArgument` where a side is below 1 or larger than it was: enlarging takes another filter. Else as
  ///   ``resized(toWidth:height:filter:arena:file:line:function:)``.
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
  ///
  /// - Throws: as ``downscaled(toWidth:height:arena:file:line:function:)``.
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
    return try resized(toWidth: newWidth, height: newHeight, filter: .area, origin: origin)
  }

  private func resized(
    toWidth newWidth: Int, height newHeight: Int, filter: ResizeFilter, origin: Origin
  ) throws(BitmapError) -> Bitmap {
    // Products of two sides are counted with.
    let sides = 1...Int(Int32.max)
    guard [newWidth, newHeight, width, height].allSatisfy(sides.contains) else {
      throw BitmapError(
        .invalidArgument,
        "a bitmap of \(width)×\(height) cannot be resized to \(newWidth)×\(newHeight). "
          + "Sides are 1 to \(sides.upperBound).")
    }
    let isSameSize = newWidth == width && newHeight == height
    return try origin.bitmap(width: newWidth, height: newHeight, format: format, colorProfile: colorProfile) {
      result throws(BitmapError) in
      if isSameSize {
        try copyRows(to: result)
      } else {
        try Resampler.run(self, into: result, filter: filter, origin: origin)
      }
    }
  }
}
