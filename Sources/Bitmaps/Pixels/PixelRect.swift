// SPDX-License-Identifier: Apache-2.0

/// A rectangle of pixels. The first column and row of a picture are 0.
public struct PixelRect: Hashable, Sendable {
  public var x: Int
  public var y: Int
  /// Pixels from left to right.
  public var width: Int
  /// Pixels from top to bottom.
  public var height: Int

  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  /// Whether the rectangle has at least one pixel and lies within a picture of `width` by `height` pixels.
  func isInside(width: Int, height: Int) -> Bool {
    self.width > 0 && self.height > 0 && x >= 0 && y >= 0 && self.width <= width && self.height <= height
      && x <= width - self.width && y <= height - self.height
  }
}

extension PixelRect: CustomStringConvertible {
  public var description: String { "\(width)×\(height) at (\(x), \(y))" }
}
