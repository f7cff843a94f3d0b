// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// A part of this picture, which shares its pixels. O(1), nothing is copied.
  ///
  /// A crop is a value of its own. If the crop or the whole picture is changed, the changed value first gets a copy, so
  /// that neither sees the other's changes. The crop keeps the memory of the whole picture until it is disposed, and
  /// disposing either of them ends both. To keep the part and release the whole picture, use
  /// ``copied(arena:file:line:function:)`` on the part.
  ///
  /// Rows of a crop start wherever the rectangle does, not at multiples of 64 bytes, and the padding between them is
  /// other pixels of the whole picture.
  ///
  /// - Throws: `invalidArgument` if the rectangle is empty or not inside the picture.
  public func cropped(to rect: PixelRect) throws(BitmapError) -> Bitmap {
    guard rect.isInside(width: width, height: height) else {
      throw BitmapError(
        .invalidArgument,
        "\(rect) is not a part of a bitmap of \(width)×\(height). Give at least one pixel, and none outside.")
    }
    return cropped(toValid: rect)
  }

  /// The rectangle must lie inside.
  func cropped(toValid rect: PixelRect) -> Bitmap {
    Bitmap(
      part: rect, of: self, offset: offset + rect.y * bytesPerRow + rect.x * format.bytesPerPixel)
  }

  /// The same picture in its own pixels, with rows at multiples of 64 bytes.
  ///
  /// - Throws: `outOfMemory` if there is no memory for the copy; `pixelsUnavailable` if this bitmap was disposed or is
  ///   being written; `cancelled` if the calling task is cancelled.
  public func copied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try copied(context: AllocationContext(arena: arena, file: file, line: line, function: function))
  }

  /// Overwrites the pixels from (`x`, `y`) on with all pixels of another bitmap of the same format.
  ///
  /// Alpha is copied as it is: the pictures are not composed. The other bitmap may be a crop of this one. Then this
  /// bitmap gets a copy of its pixels, and the crop stays unchanged.
  ///
  /// - Throws: `invalidArgument` if formats differ, or the other bitmap does not fit inside this one; `outOfMemory` if
  ///   there is no memory for a copy; `pixelsUnavailable` if a bitmap was disposed or is being written; `cancelled` if
  ///   the calling task is cancelled. After `cancelled`, some rows may be replaced and others not.
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
    // This copies if the other bitmap shares the pixels, so that source and target are never the same memory.
    try makeUnique(file: file, line: line, function: function)
    try other.copyRows(to: cropped(toValid: rect))
  }
}
