// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Histograms")
struct HistogramTests {
  /// The bin of a sample, by the rule.
  static func bin(_ value: Double, _ format: PixelFormat) -> Int {
    switch format.fullValue {
    case 255: Int(value)
    case 1: value.isNaN ? 0 : Int(min(255, max(0, (value * 256).rounded(.down))))
    default: Int(value) / 256
    }
  }

  @Test("Every sample is counted in its bin, and padding is not counted", arguments: PixelFormat.tested)
  func againstReference(format: PixelFormat) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 101
      var generator = SeededGenerator(seed: seed)
      for (width, height) in randomSizes(6, upTo: 60, using: &generator) {
        let source = try Bitmap.random(width: width, height: height, format: format, arena: arena, using: &generator)
        defer { source.dispose() }
        var expected = [[Int]](repeating: .init(repeating: 0, count: 256), count: format.channelCount)
        for (index, value) in try source.samples().enumerated() {
          expected[index % format.channelCount][Self.bin(value, format)] += 1
        }
        let histogram = try source.histogram()
        #expect(histogram.channels == expected, "seed \(seed): \(width)×\(height)")
        #expect(histogram.pixelCount == width * height)
        for channel in expected.indices {
          let mean = expected[channel].enumerated().reduce(0.0) { $0 + Double($1.offset * $1.element) }
          #expect(abs(histogram.mean(ofChannel: channel) - mean / Double(width * height)) < 1e-9)
        }
      }
    }
  }

  @Test("The pixels of a disposed bitmap cannot be counted")
  func disposed() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
      bitmap.dispose()
      #expect(try bitmapError { _ = try bitmap.histogram() }.code == .pixelsUnavailable)
    }
  }
}
