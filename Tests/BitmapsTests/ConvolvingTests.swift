// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Convolving")
struct ConvolvingTests {
  /// The definition: the sums of a pixel, then the bias; both in shares of alpha if there is alpha.
  static func pixel(
    _ source: SampleReference, _ x: Int, _ y: Int, _ kernel: ConvolutionKernel, share: Double? = nil
  ) -> [Double] {
    let reach = kernel.side / 2
    var sum = (0..<source.channels).map { c in
      var sum = 0.0
      for row in 0..<kernel.side {
        for column in 0..<kernel.side {
          let weight = Double(kernel.weights[row * kernel.side + column]) / Double(kernel.divisor)
          sum += weight * source.value(x + column - reach, y + row - reach, c)
        }
      }
      return sum
    }
    let colors = source.format.hasAlpha ? source.channels - 1 : source.channels
    let share = share ?? (source.format.hasAlpha ? sum[colors] : source.format.fullValue)
    for c in 0..<colors { sum[c] += Double(kernel.bias) * share }
    return sum
  }

  static func kernels(using generator: inout SeededGenerator) throws -> [ConvolutionKernel] {
    func weights(_ count: Int, _ range: ClosedRange<Float>) -> [Float] {
      (0..<count).map { _ in Float.random(in: range, using: &generator) }
    }
    return try [
      .init(weights: [0, 0, 0, 0, 1, 0, 0, 0, 0]), .init(weights: weights(9, 0...1)),
      .init(weights: weights(25, 0...1)),
      .init(weights: weights(9, -1...1), divisor: 2, bias: 0.25),
      .init(weights: weights(25, -1...1), divisor: -3, bias: -0.1),
      .sharpening, .edges,
    ]
  }

  @Test(
    "Results are within 1 of the definition for random sizes and kernels", arguments: PixelFormat.tested, [false, true])
  func againstReference(format: PixelFormat, isOpaque: Bool) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 81
      var generator = SeededGenerator(seed: seed)
      for (width, height) in randomSizes(3, upTo: 30, using: &generator) {
        let source = try Bitmap.random(
          width: width, height: height, format: format, isOpaque: isOpaque, arena: arena, using: &generator)
        defer { source.dispose() }
        let reference = try SampleReference(source)
        for kernel in try Self.kernels(using: &generator) {
          let actual = try source.convolved(with: kernel, arena: arena)
          defer { actual.dispose() }
          let distance = try SampleReference.distance(of: actual) { x, y in
            Self.pixel(reference, x, y, kernel)
          }
          #expect(distance <= format.tolerance, "seed \(seed): \(width)×\(height), \(kernel)")
        }
      }
    }
  }

  @Test("If alpha is preserved, it stays exactly the same, and colours are not weighted", arguments: PixelFormat.tested)
  func preservedAlpha(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 82)
      let source = try Bitmap.random(width: 35, height: 12, format: format, arena: arena, using: &generator)
      defer { source.dispose() }
      let reference = try SampleReference(source, weighsWithAlpha: false)
      for kernel in try Self.kernels(using: &generator) {
        let actual = try source.convolved(with: kernel, preservesAlpha: true, arena: arena)
        defer { actual.dispose() }
        let samples = try actual.samples()
        let full = format.fullValue
        func alpha(_ x: Int, _ y: Int) -> Double { reference.value(x, y, format.channelCount - 1) }
        for y in 0..<12 {
          for x in 0..<35 {
            let sum = Self.pixel(reference, x, y, kernel, share: format.isPremultiplied ? alpha(x, y) : full)
            let base = (y * 35 + x) * format.channelCount
            for c in sum.indices {
              let isAlpha = format.hasAlpha && c == sum.count - 1
              var expected = isAlpha ? reference.value(x, y, c) : sum[c]
              if !format.isFloat { expected = min(full, max(0, expected)) }
              if format.hasAlpha, !format.hasStraightAlpha {
                expected = min(expected, reference.value(x, y, sum.count - 1))
              }
              #expect(abs(samples[base + c] - expected) <= (isAlpha ? 0 : format.tolerance), "seed 82, \(kernel)")
            }
          }
        }
      }
    }
  }

  @Test("A kernel is applied as it is written, and is not turned around")
  func direction() throws {
    try withOwnArena { arena in
      let source = try Bitmap.make(width: 3, height: 3, format: .gray8, arena: arena) { UInt8($0 * 10) }
      defer { source.dispose() }
      let upperLeft = try ConvolutionKernel(weights: [1, 0, 0, 0, 0, 0, 0, 0, 0])
      #expect(try source.convolved(with: upperLeft, arena: arena).takePacked() == [0, 0, 10, 0, 0, 10, 30, 30, 40])
    }
  }

  @Test("Kernels that make no sense are refused")
  func nonsense() throws {
    for count in [0, 1, 8, 10, 16, 49] {
      #expect(
        try bitmapError { _ = try ConvolutionKernel(weights: .init(repeating: 1, count: count)) }.code
          == .invalidArgument)
    }
    let ones = [Float](repeating: 1, count: 9)
    for (weights, divisor, bias) in [
      (ones, 0, 0), (ones, .nan, 0), (ones, 1, .infinity), ([.nan] + ones.dropLast(), 1, 0),
      (ones, .leastNonzeroMagnitude, 0), (ones, -.leastNormalMagnitude, 0), (ones, 1, .greatestFiniteMagnitude),
      ([.greatestFiniteMagnitude, -.greatestFiniteMagnitude] + ones.dropLast(2), 1, 0),
    ] as [([Float], Float, Float)] {
      let error = try bitmapError { _ = try ConvolutionKernel(weights: weights, divisor: divisor, bias: bias) }
      #expect(error.code == .invalidArgument)
    }
  }
}
