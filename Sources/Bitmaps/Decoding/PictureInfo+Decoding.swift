// SPDX-License-Identifier: Apache-2.0

// In which size and pixel format a codec decodes a picture.

extension PictureInfo {
  /// The denominator by which the codec reduces the picture so that the upright picture keeps at least `minimumWidth`.
  /// It is 1 if no reduction fits.
  func denominator(minimumWidth: Int?, appliesOrientation: Bool) -> Int {
    let futureWidth = appliesOrientation && orientation.swapsSides ? height : width
    return denominator(of: futureWidth, minimumWidth: minimumWidth)
  }

  /// The same before the orientation is known: the larger of the two possible denominators.
  func strongestDenominator(minimumWidth: Int?) -> Int {
    denominator(of: max(width, height), minimumWidth: minimumWidth)
  }

  private func denominator(of side: Int, minimumWidth: Int?) -> Int {
    guard canShrink, let minimumWidth else { return 1 }
    return [8, 4, 2].first { Self.reduced(side, by: $0) >= minimumWidth } ?? 1
  }

  /// The size of the picture if it is decoded at 1/`denominator` of its sides.
  func size(reducedBy denominator: Int) -> (width: Int, height: Int) {
    (Self.reduced(width, by: denominator), Self.reduced(height, by: denominator))
  }

  /// Rounded up, as libjpeg does it.
  private static func reduced(_ side: Int, by denominator: Int) -> Int { (side + denominator - 1) / denominator }

  /// The format that the codec delivers if `format` is asked for. Nil asks for the picture's own format.
  func codecFormat(for format: PixelFormat?) -> PixelFormat {
    let wanted = format ?? pixelFormat
    if directFormats.contains(wanted) { return wanted }
    return wanted.isGray ? richestGray ?? richestFormat : richestFormat
  }
}
