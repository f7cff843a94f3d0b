// SPDX-License-Identifier: Apache-2.0

/// The change that makes a picture upright: one of the eight ways to flip and turn a rectangle.
///
/// It is a struct and not an enum, like the other descriptions of pictures.
public struct Orientation: Hashable, Sendable {
  /// The value of this orientation in EXIF and TIFF, 1 to 8.
  public let exifValue: Int

  /// Nil if EXIF does not define the value.
  public init?(exifValue: Int) {
    guard (1...8).contains(exifValue) else { return nil }
    self.exifValue = exifValue
  }

  private init(_ exifValue: Int) { self.exifValue = exifValue }

  /// No change.
  public static let upright = Orientation(1)
  /// Left and right change places.
  public static let mirrored = Orientation(2)
  /// Half a turn.
  public static let rotated180 = Orientation(3)
  /// Top and bottom change places.
  public static let flipped = Orientation(4)
  /// Mirrored at the diagonal from top left: rows become columns.
  public static let transposed = Orientation(5)
  /// A quarter turn clockwise.
  public static let rotated90 = Orientation(6)
  /// Mirrored at the diagonal from top right.
  public static let transversed = Orientation(7)
  /// A quarter turn counterclockwise.
  public static let rotated270 = Orientation(8)

  /// Whether width and height change places.
  public var swapsSides: Bool { exifValue >= 5 }

  /// The orientation that undoes this one.
  public var inverse: Orientation {
    switch self {
    case .rotated90: .rotated270
    case .rotated270: .rotated90
    default: self
    }
  }
}

extension Orientation: CustomStringConvertible {
  public var description: String {
    [
      "upright", "mirrored", "rotated180", "flipped", "transposed", "rotated90", "transversed", "rotated270",
    ][exifValue - 1]
  }
}
