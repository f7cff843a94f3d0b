// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How the pixels of a resized picture are made from those of the old one.
///
/// It is a struct and not an enum, so that new filters do not break a client's `switch`.
public struct ResizeFilter: Hashable, Sendable {
  enum Kind: UInt8 {
    case area, bilinear, lanczos3
  }

  let kind: Kind

  /// Every new pixel is the average of the area that it covers, fractions of pixels included: the exact box filter.
  ///
  /// It is the fastest filter for smaller pictures, and slightly softer than Lanczos. It avoids the aliasing that
  /// skipping pixels causes. In enlarged pictures, the old pixels stay visible as rectangles.
  public static let area = ResizeFilter(kind: .area)

  /// A triangle that reaches 1 pixel to each side. If the picture shrinks, the triangle is wider by the same factor.
  /// Smooth when enlarging, soft when shrinking.
  public static let bilinear = ResizeFilter(kind: .bilinear)

  /// A windowed sinc that reaches 3 pixels to each side. If the picture shrinks, it is wider by the same factor. It is
  /// the sharpest and the slowest filter, and it overshoots slightly beside hard edges.
  public static let lanczos3 = ResizeFilter(kind: .lanczos3)

  /// How far the filter reaches from its middle, in pixels of the coarser picture.
  var radius: Double {
    switch kind {
    case .area: 0.5
    case .bilinear: 1
    case .lanczos3: 3
    }
  }

  /// The weight of a pixel at a distance from the middle, not yet normalised. Not used for area, whose weights are
  /// shares.
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
