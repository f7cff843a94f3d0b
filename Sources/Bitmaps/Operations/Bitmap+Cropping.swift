public import NativeBuffers

extension Bitmap {
  /// A part of this picture, which shares the pixels. O(1), nothing is copied.
  ///
  /// A crop is a value of its own: a change of it, or of the whole, copies first what is changed, so that neither sees the
  /// other's. It keeps the memory of the whole until it is disposed, and disposing either ends both. To let the whole go
  /// and keep the part, ``copied(arena:file:line:function:)`` it.
  ///
  /// Rows of a crop start wherever the rectangle does: not at multiples of 64, and what lies between them is other pixels.
  ///
  /// - Throws: `invalidArgument` where the rectangle is empty or not inside the picture.
  public func cropped(to rect: PixelRect) throws(BitmapError) -> Bitmap {
    guard rect.isInside(width: width, height: height) else {
      throw BitmapError(
        .invalidArgument,
        "\(rect) is not a part of a bitmap of \(width)×\(height). Give at least one pixel, and none outside.")
    }
    return cropped(toValid: rect)
  }

  /// The rectangle lies inside.
  func cropped(toValid rect: PixelRect) -> Bitmap {
    Bitmap(
      part: rect, of: self, offset: offset + rect.y * bytesPerRow + rect.x * format.bytesPerPixel)
  }

  /// The same picture in pixels of its own, with rows at multiples of 64 bytes.
  ///
  /// - Throws: `outOfMemory`, `pixelsUnavailable`, `cancelled`.
  public func copied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try copied(origin: Origin(arena: arena, file: file, line: line, function: function))
  }

  /// Overwrites the pixels from (`x`, `y`) on with those of another bitmap of the same format, whole.
  ///
  /// Overwrites, and does not compose: alpha is copied as it is. The other one may be a crop of this one; then it keeps
  /// what it has, by a copy.
  ///
  /// - Throws: `invalidArgument` where formats differ, or the other one does not lie inside this one; `outOfMemory`,
  ///   `pixelsUnavailable`; `cancelled`, after which some rows may be replaced and others not.
  public mutating func replacePixels(
    atX x: Int, y: Int, with other: Bitmap,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let rect = PixelRect(x: x, y: y, width: other.width, height: other.height)
    guard rect.isInside(width: width, height: height) else {
      throw BitmapError(
        .invalidArgument, "\(rect) does not lie in a bitmap of \(width)×\(height). Crop it, or place it elsewhere.")
    }
    guard format == other.format else {
      throw BitmapError(
        .invalidArgument, "pixels of \(format) cannot be replaced by those of \(other.format). Convert one of them.")
    }
    // Whoever shares the pixels with the other one, this copies: so that source and target are never the same memory.
    try makeUnique(file: file, line: line, function: function)
    try other.copyRows(to: cropped(toValid: rect))
  }
}
