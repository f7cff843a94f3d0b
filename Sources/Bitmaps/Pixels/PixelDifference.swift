// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
import Glibc
import NativeBuffers

/// How much two pictures differ, over all channels of all pixels as they are stored, alpha included.
public struct PixelDifference: Hashable, Sendable {
  /// The largest difference of two values, in the units of the format: 0 to ``fullValue``.
  public let maximum: Double
  /// The root of the mean of the squared differences, 0 to ``fullValue``.
  public let rootMeanSquare: Double
  /// 255 for formats of 8 bits, 65,535 for formats of 16 bits, 1 for floats.
  public let fullValue: Double

  /// The ratio in decibels, against the full value; infinite if the pictures are the same. Above 40, a difference is
  /// hardly visible.
  public var peakSignalToNoiseRatio: Double {
    rootMeanSquare == 0 ? .infinity : 20 * log10(fullValue / rootMeanSquare)
  }
}

extension Bitmap {
  /// Compares this bitmap's pixels with those of another bitmap. Costs one pass over both.
  ///
  /// Colours of transparent pixels count, although they are invisible. If any float is NaN, all results are NaN.
  ///
  /// - Throws: `invalidArgument` if sizes or formats differ; `pixelsUnavailable` if a bitmap was disposed or is being
  ///   written; `cancelled` if the calling task is cancelled.
  public func difference(from other: Bitmap) throws(BitmapError) -> PixelDifference {
    guard width == other.width, height == other.height, format == other.format else {
      throw BitmapError(
        .invalidArgument,
        "\(format) of \(width)×\(height) cannot be compared with \(other.format) of \(other.width)×\(other.height). "
          + "Resize or convert one of them.")
    }
    return try format.channel == .uint8 ? compareBytes(with: other) : compareSamples(with: other)
  }

  private func compareBytes(with other: Bitmap) throws(BitmapError) -> PixelDifference {
    let deadline = WorkDeadline()
    var squareSum: UInt64 = 0
    var maximum: UInt8 = 0
    try unsafe withUnsafeRows { own throws(BitmapError) in
      try unsafe other.withUnsafeRows { others throws(BitmapError) in
        for y in 0..<height {
          try deadline.check(row: y)
          unsafe cpixel_compare_row(own[y], others[y], rowByteCount, &squareSum, &maximum)
        }
      }
    }
    return difference(squareSum: Double(squareSum), maximum: Double(maximum))
  }

  private func compareSamples(with other: Bitmap) throws(BitmapError) -> PixelDifference {
    let deadline = WorkDeadline()
    var (squareSum, maximum) = (0.0, 0.0)
    try unsafe withUnsafeRows { own throws(BitmapError) in
      try unsafe other.withUnsafeRows { others throws(BitmapError) in
        for y in 0..<height {
          try deadline.check(row: y)
          unsafe cpixel_compare_samples(
            own[y], others[y], format.samples.depth, width * format.channelCount, &squareSum, &maximum)
        }
      }
    }
    return difference(squareSum: squareSum, maximum: squareSum.isNaN ? .nan : maximum)
  }

  private func difference(squareSum: Double, maximum: Double) -> PixelDifference {
    let count = Double(width) * Double(height) * Double(format.channelCount)
    return PixelDifference(
      maximum: maximum, rootMeanSquare: (squareSum / count).squareRoot(), fullValue: format.fullValue)
  }
}
