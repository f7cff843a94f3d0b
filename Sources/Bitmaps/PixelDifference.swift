import CPixelKernels
import Glibc
import NativeBuffers

/// How far two pictures are apart: over all channels of all pixels, alpha too, as they are stored.
public struct PixelDifference: Hashable, Sendable {
  /// The largest difference of two values, 0 to 255.
  public let maximum: Int
  /// The root of the mean of the squared differences, 0 to 255.
  public let rootMeanSquare: Double

  /// In decibels, against a range of 255; infinite where the pictures are the same. Above 40 hardly anybody sees it.
  public var peakSignalToNoiseRatio: Double {
    rootMeanSquare == 0 ? .infinity : 20 * log10(255 / rootMeanSquare)
  }
}

extension Bitmap {
  /// Compares this bitmap's pixels with those of another one. Costs one pass over both.
  ///
  /// Colours of transparent pixels count, though nobody sees them.
  ///
  /// - Throws: `invalidArgument` where sizes or formats differ; `pixelsUnavailable`.
  public func difference(from other: Bitmap) throws(BitmapError) -> PixelDifference {
    guard width == other.width, height == other.height, format == other.format else {
      throw BitmapError(
        .invalidArgument,
        "\(format) of \(width)×\(height) cannot be compared with \(other.format) of \(other.width)×\(other.height). "
          + "Resize or convert one of them.")
    }
    guard format.channel == .uint8 else {
      throw BitmapError(
        .unsupported, "bitmaps of \(format) cannot be compared. Convert both to a format of 8 bits before.")
    }
    var squareSum: UInt64 = 0
    var maximum: UInt8 = 0
    let count = width * format.bytesPerPixel
    try unsafe withUnsafeRows { own throws(BitmapError) in
      try unsafe other.withUnsafeRows { others throws(BitmapError) in
        for y in 0..<height { unsafe cpixel_compare_row(own[y], others[y], count, &squareSum, &maximum) }
      }
    }
    let mean = Double(squareSum) / (Double(count) * Double(height))
    return PixelDifference(maximum: Int(maximum), rootMeanSquare: mean.squareRoot())
  }
}
