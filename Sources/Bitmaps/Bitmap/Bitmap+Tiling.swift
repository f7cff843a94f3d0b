// SPDX-License-Identifier: Apache-2.0

/// The parts of a picture in a grid, row by row from the top left. Each part is a crop that shares the picture's
/// pixels.
///
/// A part is made when it is asked for. That costs as much as a copy of the bitmap value: one reference is counted.
public struct BitmapTiles: RandomAccessCollection, Sendable {
  /// A part of the picture and its place.
  public struct Tile: Sendable {
    /// The part's place in the picture, in pixels.
    public let rect: PixelRect
    /// The part's place in the grid.
    public let column: Int
    public let row: Int
    /// The part, which shares the pixels of the whole picture: see ``Bitmap/cropped(to:)``.
    public let bitmap: Bitmap
  }

  let whole: Bitmap
  let tileWidth: Int
  let tileHeight: Int
  public let columnCount: Int
  public let rowCount: Int

  init(_ whole: Bitmap, width: Int, height: Int) {
    self.whole = whole
    tileWidth = Swift.min(width, whole.width)
    tileHeight = Swift.min(height, whole.height)
    columnCount = (whole.width - 1) / tileWidth + 1
    rowCount = (whole.height - 1) / tileHeight + 1
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { columnCount * rowCount }

  public subscript(index: Int) -> Tile {
    precondition(indices.contains(index), "Tile \(index) of \(count)")
    let (row, column) = index.quotientAndRemainder(dividingBy: columnCount)
    let (x, y) = (column * tileWidth, row * tileHeight)
    let rect = PixelRect(
      x: x, y: y, width: Swift.min(tileWidth, whole.width - x), height: Swift.min(tileHeight, whole.height - y))
    return Tile(rect: rect, column: column, row: row, bitmap: whole.cropped(toValid: rect))
  }
}

extension Bitmap {
  /// This picture cut into parts of `width` by `height` pixels. Parts at the right and lower borders may be smaller.
  ///
  /// - Throws: `invalidArgument` if a side is below 1.
  public func tiles(width: Int, height: Int) throws(BitmapError) -> BitmapTiles {
    guard width > 0, height > 0 else {
      throw BitmapError(.invalidArgument, "tiles of \(width)×\(height) pixels cannot be; give at least 1×1.")
    }
    return BitmapTiles(self, width: width, height: height)
  }
}
