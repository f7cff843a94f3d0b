import Glibc

/// How the pixels of a resized picture are made from those of the old one.
///
/// A struct and not an enum, so that filters can be added without breaking anybody's `switch`.
public struct ResizeFilter: Hashable, Sendable {
  enum Kind: UInt8 {
    case area, bilinear, lanczos3
  }

  let kind: Kind

  /// Every new pixel is the average of the area that it covers, fractions of pixels included: the exact box filter.
  ///
  /// The fastest for smaller pictures, without the aliasing that skipping pixels gives, a little softer than Lanczos.
  /// Enlarged, old pixels stay visible as rectangles.
  public static let area = ResizeFilter(kind: .area)

  /// A triangle of 1 pixel to each side; for smaller pictures as many times wider as the picture shrinks. Smooth when
  /// enlarging, soft when shrinking.
  public static let bilinear = ResizeFilter(kind: .bilinear)

  /// A windowed sinc of 3 pixels to each side; for smaller pictures as many times wider as the picture shrinks. The
  /// sharpest, the slowest, and it overshoots a little beside hard edges.
  public static let lanczos3 = ResizeFilter(kind: .lanczos3)

  /// How far the filter reaches from its middle, in pixels of the coarser picture. Nothing is known of area's.
  var radius: Double {
    switch kind {
    case .area: 0.5
    case .bilinear: 1
    case .lanczos3: 3
    }
  }

  /// The weight of a pixel at a distance from the middle, not yet normalised. Not for area, whose weights are shares.
  func weight(at distance: Double) -> Double {
    let x = abs(distance)
    switch kind {
    case .area: return x < 0.5 ? 1 : 0
    case .bilinear: return max(0, 1 - x)
    case .lanczos3:
      if x < 1e-9 { return 1 }
      if x >= 3 { return 0 }
      let angle = x * .pi
      return 3 * sin(angle) * sin(angle / 3) / (angle * angle)
    }
  }
}

extension ResizeFilter: CustomStringConvertible {
  public var description: String { "\(kind)" }
}
