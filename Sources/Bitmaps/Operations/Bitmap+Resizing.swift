// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// A copy in another size. Each side can become larger or smaller, independent of the other side.
  ///
  /// Colours are weighted with their alpha, so that transparent pixels do not bleed; a pixel that becomes wholly
  /// transparent is all zeros. Weights apply to the encoded (sRGB) values. Results are within 1 of 255 of the exact
  /// ones, within 2 of 65,535 for 16 bits, and within 0.00001 for floats. In the same size the copy is exact.
  ///
  /// Cost: the axes are resized one after the other. Each axis takes as many multiplications as its result has samples,
  /// times the number of source pixels that make one sample. For ``ResizeFilter/area`` this number is one or two when
  /// enlarging, and all pixels that the sample covers when shrinking, so that the source is read once. For
  /// ``ResizeFilter/bilinear`` it is 2 and for ``ResizeFilter/lanczos3`` 6, multiplied by the factor by which the
  /// picture shrinks. Uses the cheaper axis order, or one that costs at most about twice as much.
  ///
  /// Scratch memory: 4 bytes per channel of a source row; of two source rows if hundreds of rows make one; and of up to
  /// 8 target rows if the picture becomes narrower and taller. Also 16 bytes per target column and row, and 4 bytes for
  /// each source pixel that counts for it.
  ///
  /// - Throws: `invalidArgument` if a side is below 1 or above 2^31 - 1; `outOfMemory` if there is no memory for the
  ///   pixels or for scratch memory, and the error says which; `pixelsUnavailable` if this bitmap was disposed or is
  ///   being written; `cancelled` if the calling task is cancelled.
  public func resized(
    toWidth newWidth: Int, height newHeight: Int, filter: ResizeFilter = .area, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    return try resized(toWidth: newWidth, height: newHeight, filter: filter, context: context)
  }

  /// A smaller copy by the area filter. Like ``resized(toWidth:height:filter:arena:file:line:function:)``, but it
  /// refuses to enlarge.
  ///
  /// - Throws: `invalidArgument` if a side is below 1 or larger than this bitmap's; enlarging needs another filter.
  ///   Else as ``resized(toWidth:height:filter:arena:file:line:function:)``.
  public func downscaled(
    toWidth newWidth: Int, height newHeight: Int, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    return try downscaled(toWidth: newWidth, height: newHeight, context: context)
  }

  /// A copy that is at most `newWidth` pixels wide, with the same proportions.
  ///
  /// A picture that is not wider than that is copied as it is: pictures are never enlarged.
  ///
  /// - Throws: As ``downscaled(toWidth:height:arena:file:line:function:)``.
  public func downscaled(
    toWidth newWidth: Int, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    return try downscaled(toWidth: newWidth, context: context)
  }

  func downscaled(toWidth newWidth: Int, context: AllocationContext) throws(BitmapError) -> Bitmap {
    let newWidth = min(newWidth, width)
    // Rounded to the nearest. At least one row is left, even if the picture is a thousand times wider than high.
    let doubled = width.dividingFullWidth(height.multipliedFullWidth(by: 2 * max(newWidth, 0))).quotient
    let newHeight = max(1, (doubled + 1) / 2)
    return try downscaled(toWidth: newWidth, height: min(newHeight, height), context: context)
  }

  func downscaled(toWidth newWidth: Int, height newHeight: Int, context: AllocationContext) throws(BitmapError)
    -> Bitmap
  {
    guard newWidth > 0, newHeight > 0, newWidth <= width, newHeight <= height else {
      throw BitmapError(
        .invalidArgument,
        "a bitmap of \(width)×\(height) cannot be downscaled to \(newWidth)×\(newHeight). "
          + "Give sides of at least 1 that are not larger than they are.")
    }
    return try resized(toWidth: newWidth, height: newHeight, filter: .area, context: context)
  }

  private func resized(
    toWidth newWidth: Int, height newHeight: Int, filter: ResizeFilter, context: AllocationContext
  ) throws(BitmapError) -> Bitmap {
    // Products of two sides are computed, and must not overflow.
    let sides = 1...Int(Int32.max)
    guard [newWidth, newHeight, width, height].allSatisfy(sides.contains) else {
      throw BitmapError(
        .invalidArgument,
        "a bitmap of \(width)×\(height) cannot be resized to \(newWidth)×\(newHeight). "
          + "Sides are 1 to \(sides.upperBound).")
    }
    let isSameSize = newWidth == width && newHeight == height
    return try context.bitmap(width: newWidth, height: newHeight, format: format, colorProfile: colorProfile) {
      result throws(BitmapError) in
      if isSameSize {
        try copyRows(to: result)
      } else {
        try Resampler.run(self, into: result, filter: filter, context: context)
      }
    }
  }
}
