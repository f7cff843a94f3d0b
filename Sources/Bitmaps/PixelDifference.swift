import CPixelKernels
import Glibc
import NativeBuffers

/// How far two pictures are apart: over all channels of all pixels, alpha too, as they are stored.
public struct PixelDifference: Hashable, Sendable {
  /// The largest difference of two values, 0 to ``peak``; of floats beyond 0 to 1 it can be more.
  public let maximum: Double
  /// The root of the mean of the squared differences, on the same scale.
  public let rootMeanSquare: Double
  /// What a full channel of the format holds: 255, 65,535 or 1.
  public let peak: Double

  /// In decibels, against ``peak``; infinite where the pictures are the same. Above 40 hardly anybody sees it.
  public var peakSignalToNoiseRatio: Double {
    rootMeanSquare == 0 ? .infinity : 20 * log10(peak / rootMeanSquare)
  }
}

extension Bitmap {
  /// Compares this bitmap's pixels with those of another one. Costs one pass over both.
  ///
  /// Colours of transparent pixels count, though nobody sees them. Exact for integers; of floats, squares are added up in
  /// doubles, and where one of two values is no number, neither is any result.
  ///
  /// - Throws: `invalidArgument` where sizes or formats differ; `pixelsUnavailable`.
  public func difference(from other: Bitmap) throws(BitmapError) -> PixelDifference {
    guard width == other.width, height == other.height, format == other.format else {
      throw BitmapError(
        .invalidArgument,
        "\(format) of \(width)×\(height) cannot be compared with \(other.format) of \(other.width)×\(other.height). "
          + "Resize or convert one of them.")
    }
    let count = width * format.channelCount
    let total = Double(count) * Double(height)
    switch format.channel {
    case .uint8:
      var sum: UInt64 = 0
      var maximum: UInt8 = 0
      try unsafe withRowPairs(other) { a, b in unsafe cpixel_compare_row(a, b, count, &sum, &maximum) }
      return PixelDifference(
        maximum: Double(maximum), rootMeanSquare: (Double(sum) / total).squareRoot(), peak: 255)
    case .uint16:
      var sum = 0.0
      var maximum: UInt16 = 0
      try unsafe withRowPairs(other) { a, b in unsafe cpixel_compare_row_16(a, b, count, &sum, &maximum) }
      return PixelDifference(maximum: Double(maximum), rootMeanSquare: (sum / total).squareRoot(), peak: 65_535)
    case .float32:
      var sum = 0.0
      var maximum: Float = 0
      try unsafe withRowPairs(other) { a, b in unsafe cpixel_compare_row_f32(a, b, count, &sum, &maximum) }
      return PixelDifference(
        maximum: sum.isNaN ? .nan : Double(maximum), rootMeanSquare: (sum / total).squareRoot(), peak: 1)
    }
  }

  /// Calls `body` with each row and that of another bitmap of the same height.
  private func withRowPairs<T>(
    _ other: Bitmap, _ body: (UnsafePointer<T>, UnsafePointer<T>) -> Void
  ) throws(BitmapError) {
    try unsafe withUnsafeRows { own throws(BitmapError) in
      try unsafe other.withUnsafeRows { others throws(BitmapError) in
        for y in 0..<height {
          // SAFETY: T is what a channel of the format is, and every row is aligned for it (RowLayout).
          unsafe body(
            UnsafeRawPointer(own[y]).assumingMemoryBound(to: T.self),
            UnsafeRawPointer(others[y]).assumingMemoryBound(to: T.self))
        }
      }
    }
  }
}
