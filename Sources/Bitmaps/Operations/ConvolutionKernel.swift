// SPDX-License-Identifier: Apache-2.0

/// The weights of a pixel's neighbours for ``Bitmap/convolved(with:preservesAlpha:arena:file:line:function:)``: a
/// square of 3×3 or 5×5.
public struct ConvolutionKernel: Hashable, Sendable {
  /// 3 or 5.
  public let side: Int
  /// The weights, row by row from the upper left, as they lie over the picture. The kernel is not rotated.
  public let weights: [Float]
  /// The sum of weighted pixels is divided by this number.
  public let divisor: Float
  /// This number is then added to colours, as a share of the full value: 0.5 is the middle between black and white.
  public let bias: Float

  /// - Parameters:
  ///   - weights: 9 or 25 weights.
  ///   - divisor: Nil for the sum of the weights, or for 1 if that sum is 0.
  ///   - bias: What is added to each weighted sum.
  /// - Throws: `invalidArgument` if there are neither 9 nor 25 weights, the divisor is 0, a number is not finite, or a
  ///   weight divided by the divisor is too large.
  public init(weights: [Float], divisor: Float? = nil, bias: Float = 0) throws(BitmapError) {
    guard weights.count == 9 || weights.count == 25 else {
      throw BitmapError(
        .invalidArgument, "a kernel of \(weights.count) weights cannot be; give 9 for 3×3 or 25 for 5×5.")
    }
    let sum = weights.reduce(0, +)
    let divisor = divisor ?? (sum == 0 ? 1 : sum)
    guard divisor != 0, divisor.isFinite, bias.isFinite, weights.allSatisfy(\.isFinite) else {
      throw BitmapError(
        .invalidArgument,
        "a kernel with a divisor of \(divisor), a bias of \(bias) and weights of \(weights) has no result.")
    }
    // For samples of 65,535, the largest samples apart from floats.
    let greatest = weights.reduce(abs(bias) * 65_535) { $0 + abs($1 / divisor) * 65_535 }
    guard greatest.isFinite else {
      throw BitmapError(
        .invalidArgument,
        "a kernel with weights of \(weights), a divisor of \(divisor) and a bias of \(bias) has sums that no float "
          + "can hold. Take a larger divisor.")
    }
    self.weights = weights
    self.divisor = divisor
    self.bias = bias
    side = weights.count == 9 ? 3 : 5
  }

  /// Makes edges sharper: five times the pixel minus its four neighbours.
  public static let sharpening = ConvolutionKernel(side: 3, weights: [0, -1, 0, -1, 5, -1, 0, -1, 0])

  /// Shows how much a pixel differs from its eight neighbours. Flat areas are black.
  public static let edges = ConvolutionKernel(side: 3, weights: [-1, -1, -1, -1, 8, -1, -1, -1, -1])

  private init(side: Int, weights: [Float]) {
    self.side = side
    self.weights = weights
    divisor = 1
    bias = 0
  }
}
