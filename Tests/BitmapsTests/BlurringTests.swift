// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Blurring")
struct BlurringTests {
  /// The definition, in plain doubles: both directions at once, the border repeated, colours weighted with alpha. A
  /// pixel is nil if it is so near to wholly transparent that either result is right.
  static func reference(_ bitmap: Bitmap, sigma: Double) throws -> [[UInt8]?] {
    let (pixels, width, height, channels) = (
      try bitmap.packed(), bitmap.width, bitmap.height, bitmap.format.channelCount
    )
    let radius = Int((3 * sigma).rounded(.up))
    let curve = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let total = curve.reduce(0, +)
    var result: [[UInt8]?] = []
    for y in 0..<height {
      for x in 0..<width {
        var sum = [Double](repeating: 0, count: channels)
        for dy in -radius...radius {
          for dx in -radius...radius {
            let (sourceX, sourceY) = (min(max(x + dx, 0), width - 1), min(max(y + dy, 0), height - 1))
            let base = (sourceY * width + sourceX) * channels
            let weight = curve[dx + radius] / total * curve[dy + radius] / total
            let alpha = channels == 4 ? Double(pixels[base + 3]) / 255 : 1
            for c in 0..<channels { sum[c] += weight * Double(pixels[base + c]) * (c == 3 ? 1 : alpha) }
          }
        }
        result.append(ResizingReference.pixel(sum))
      }
    }
    return result
  }

  @Test(
    "Results are within 1 of the definition for every size and sigma", arguments: ResizingTests.formats,
    ResizingTests.Transparency.allCases)
  func againstReference(format: PixelFormat, transparency: ResizingTests.Transparency) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 51)
      for (width, height, sigma) in [
        (1, 1, 2.0), (1, 20, 1), (20, 1, 3), (5, 4, 4), (9, 7, 0.1), (23, 19, 2), (34, 11, 0.8), (41, 9, 1.3),
      ] {
        let source = try ResizingTests.picture(
          width: width, height: height, format: format, transparency: transparency, arena: arena, using: &generator)
        defer { source.dispose() }
        let actual = try source.blurred(sigma: sigma, arena: arena)
        #expect(actual.width == width && actual.height == height && actual.format == format)
        let pixels = try actual.takePacked()
        for (index, expected) in try Self.reference(source, sigma: sigma).enumerated() {
          guard let expected else { continue }
          let own = Array(pixels[index * expected.count..<(index + 1) * expected.count])
          #expect(
            maximumDifference(own, expected) <= 1, "seed 51: \(width)×\(height), sigma \(sigma), pixel \(index)")
        }
      }
    }
  }

  @Test("A flat picture stays exactly as it is", arguments: [0, 1, 127, 254, 255] as [UInt8])
  func flat(value: UInt8) throws {
    try withOwnArena { arena in
      for format in ResizingTests.formats {
        let source = try Bitmap.make(width: 71, height: 23, format: format, arena: arena) { index in
          format.hasAlpha && index % 4 == 3 ? 255 : value
        }
        defer { source.dispose() }
        #expect(try source.blurred(sigma: 2, arena: arena).takePacked() == source.packed())
      }
    }
  }

  @Test(
    "A tiny sigma changes nothing", arguments: [1e-170, .leastNonzeroMagnitude, 1e-3],
    [PixelFormat.gray8, .rgb8, .rgba8, .gray16])
  func tinySigma(sigma: Double, format: PixelFormat) throws {
    try withOwnArena { arena in
      // The numbers are odd, so that no pixel is wholly transparent.
      let bitmap = try Bitmap.make(width: 37, height: 11, format: format, arena: arena) {
        format == .rgba8 && $0 % 4 == 3 ? 255 : UInt8(truncatingIfNeeded: $0 &* 37 | 1)
      }
      let blurred = try bitmap.blurred(sigma: sigma, arena: arena)
      #expect(try blurred.takePacked() == bitmap.takePacked())
    }
  }

  @Test("A sigma that makes no sense is refused", arguments: [0, -1, 1000.5, .nan, .infinity])
  func nonsense(sigma: Double) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 10, height: 10, format: .rgb8, arena: arena)
      defer { source.dispose() }
      #expect(try bitmapError { try source.blurred(sigma: sigma, arena: arena).dispose() }.code == .invalidArgument)
    }
  }

  @Test("A sigma larger than the picture makes it nearly flat")
  func wide() throws {
    try withOwnArena { arena in
      let source = try Bitmap.make(width: 4, height: 4, format: .gray8, arena: arena) { $0 % 4 < 2 ? 0 : 200 }
      defer { source.dispose() }
      let result = try source.blurred(sigma: 1000, arena: arena).takePacked()
      #expect(result.allSatisfy { abs(Int($0) - 100) <= 1 })
    }
  }
}
