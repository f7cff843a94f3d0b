// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A flipped or turned copy. It is exact for every format. If the orientation swaps sides, the copy is as wide as
  /// this bitmap is high.
  ///
  /// Costs one pass over the pixels and no scratch memory.
  ///
  /// - Throws: `outOfMemory` if there is no memory for the copy; `pixelsUnavailable` if this bitmap was disposed or is
  ///   being written; `cancelled` if the calling task is cancelled.
  public func oriented(
    _ orientation: Orientation, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    return try oriented(orientation, context: context)
  }

  func oriented(_ orientation: Orientation, context: AllocationContext) throws(BitmapError) -> Bitmap {
    let (newWidth, newHeight) = orientation.swapsSides ? (height, width) : (width, height)
    let deadline = WorkDeadline()
    return try context.bitmap(width: newWidth, height: newHeight, format: format, colorProfile: colorProfile) {
      result throws(BitmapError) in
      try unsafe withUnsafeRows(to: result) { source, target throws(BitmapError) in
        let path = OrientedPath(orientation, of: self)
        // Works in bands, and checks for cancellation before each of them.
        for y in stride(from: 0, to: newHeight, by: 256) {
          try deadline.check()
          // SAFETY: the path starts at a corner of the source and ends at the opposite one, never outside.
          unsafe cpixel_gather(
            source[0] + path.start + y * path.stepY, path.stepX, path.stepY, format.bytesPerPixel, target[y],
            result.bytesPerRow, newWidth, min(256, newHeight - y))
        }
      }
    }
  }
}

/// Where the pixels of the oriented picture lie in the source, in bytes: its first pixel, and the steps to the pixels
/// at its right and below it.
private struct OrientedPath {
  let start: Int
  let stepX: Int
  let stepY: Int

  init(_ orientation: Orientation, of bitmap: Bitmap) {
    let (right, down) = (bitmap.format.bytesPerPixel, bitmap.bytesPerRow)
    let (lastColumn, lastRow) = ((bitmap.width - 1) * right, (bitmap.height - 1) * down)
    (start, stepX, stepY) =
      switch orientation {
      case .mirrored: (lastColumn, -right, down)
      case .rotated180: (lastColumn + lastRow, -right, -down)
      case .flipped: (lastRow, right, -down)
      case .transposed: (0, down, right)
      case .rotated90: (lastRow, -down, right)
      case .transversed: (lastColumn + lastRow, -down, -right)
      case .rotated270: (lastColumn, down, -right)
      default: (0, right, down)
      }
  }
}
