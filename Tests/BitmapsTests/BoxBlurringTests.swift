// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Box blurring")
struct BoxBlurringTests {
  /// The mean of a square, by the definition.
  static func mean(_ source: SampleReference, _ x: Int, _ y: Int, radius: Int) -> [Double] {
    let side = Double(2 * radius + 1)
    return (0..<source.channels).map { c in
      var sum = 0.0
      for dy in -radius...radius {
        for dx in -radius...radius { sum += source.value(x + dx, y + dy, c) }
      }
      return sum / (side * side)
    }
  }

  @Test(
    "Results are within 1 of the definition for random sizes and radii", arguments: PixelFormat.tested, [false, true])
  func againstReference(format: PixelFormat, isOpaque: Bool) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 71
      var generator = SeededGenerator(seed: seed)
      for (width, height) in randomSizes(3, upTo: 20, using: &generator) {
        let source = try Bitmap.random(
          width: width, height: height, format: format, isOpaque: isOpaque, arena: arena, using: &generator)
        defer { source.dispose() }
        let reference = try SampleReference(source)
        for radius in [0, 1, 2, Int.random(in: 3...12, using: &generator)] {
          let actual = try source.boxBlurred(radius: radius, arena: arena)
          defer { actual.dispose() }
          #expect(actual.width == width && actual.height == height && actual.format == format)
          let distance = try SampleReference.distance(of: actual) { Self.mean(reference, $0, $1, radius: radius) }
          #expect(distance <= format.tolerance, "seed \(seed): \(width)×\(height), radius \(radius)")
        }
      }
    }
  }

  @Test("A radius of 0 changes nothing in an opaque picture", arguments: PixelFormat.tested)
  func nothing(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 72)
      let source = try Bitmap.random(
        width: 61, height: 7, format: format, isOpaque: true, arena: arena, using: &generator)
      defer { source.dispose() }
      let result = try source.boxBlurred(radius: 0, arena: arena)
      defer { result.dispose() }
      let pairs = zip(try result.samples(), try source.samples())
      #expect(pairs.allSatisfy { abs($0 - $1) <= (format.isFloat ? 1e-6 : 0) })
    }
  }

  @Test("A radius far beyond the picture makes every pixel the mean, weighted by how often each row and column counts")
  func far() throws {
    try withOwnArena { arena in
      let source = try Bitmap.make(width: 4, height: 4, format: .gray8, arena: arena) { $0 % 4 < 2 ? 0 : 200 }
      defer { source.dispose() }
      for radius in [1_000_000, Int(Int32.max)] {
        #expect(try source.boxBlurred(radius: radius, arena: arena).takePacked().allSatisfy { $0 == 100 })
      }
    }
  }

  @Test("Sums do not drift, so the last pixel of a long row is as exact as the first")
  func drift() throws {
    try withOwnArena { arena in
      for format in PixelFormat.tested {
        let width = 6_001
        var source = try Bitmap(width: width, height: 3, format: format, arena: arena)
        defer { source.dispose() }
        var generator = SeededGenerator(seed: 73)
        for y in 0..<3 {
          try source.withMutableRow(y) { row in
            var i = 0
            while i < row.byteCount {
              for byte in format.bytes(of: Double.random(in: 0...1, using: &generator)) {
                row.storeBytes(of: byte, toByteOffset: i, as: UInt8.self)
                i += 1
              }
            }
          }
        }
        let reference = try SampleReference(source)
        let actual = try source.boxBlurred(radius: 1, arena: arena)
        defer { actual.dispose() }
        let samples = try actual.samples()
        for x in width - 50..<width {
          guard let expected = SampleReference.stored(Self.mean(reference, x, 1, radius: 1), as: format) else {
            continue
          }
          for c in expected.indices {
            let distance = abs(samples[(width + x) * expected.count + c] - expected[c])
            #expect(distance <= format.tolerance, "seed 73, pixel \(x)")
          }
        }
      }
    }
  }

  @Test("A radius that makes no sense is refused", arguments: [-1, Int(Int32.max) + 1, Int.max, Int.min])
  func nonsense(radius: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 10, height: 10, format: .rgb8, arena: arena)
      defer { source.dispose() }
      let error = try bitmapError { try source.boxBlurred(radius: radius, arena: arena).dispose() }
      #expect(error.code == .invalidArgument)
    }
  }
}
