// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Converting and comparing")
struct ConvertingTests {
  /// Converts one pixel at a time, by the rule.
  static func reference(_ pixel: ArraySlice<UInt8>, to format: PixelFormat) -> [UInt8] {
    let values = pixel.map(Double.init)
    var color = values.count == 1 ? [values[0], values[0], values[0]] : Array(values[..<3])
    let alpha = values.count == 4 ? values[3] : 255
    if !format.hasAlpha {
      color = color.map { (($0 * alpha + 255 * (255 - alpha)) / 255).rounded() }
    }
    if format == .gray8 { return [UInt8((0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]).rounded())] }
    return color.map { UInt8($0) } + (format.hasAlpha ? [UInt8(alpha)] : [])
  }

  @Test(
    "Every format can be converted to every other, within 1 of the rule", arguments: ResizingTests.formats,
    ResizingTests.formats)
  func formats(from: PixelFormat, to: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 61)
      for (width, height) in [(1, 1), (3, 2), (255, 2), (257, 3), (600, 2)] {
        for transparency in ResizingTests.Transparency.allCases {
          let source = try ResizingTests.picture(
            width: width, height: height, format: from, transparency: transparency, arena: arena, using: &generator)
          defer { source.dispose() }
          let pixels = try source.packed()
          let expected = stride(from: 0, to: pixels.count, by: from.bytesPerPixel).flatMap { start in
            from == to
              ? Array(pixels[start..<start + from.bytesPerPixel])
              : Self.reference(pixels[start..<start + from.bytesPerPixel], to: to)
          }
          let actual = try source.converted(to: to, arena: arena).takePacked()
          let tolerance = to == .gray8 && from != to ? 1 : 0
          #expect(maximumDifference(actual, expected) <= tolerance, "seed 61, width \(width)")
        }
      }
    }
  }

  @Test("Maximum, root mean square and PSNR agree with the definition", arguments: ResizingTests.formats)
  func difference(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 62)
      for (width, height) in [(1, 1), (7, 5), (100, 33), (30_000, 2)] {
        let a = try ResizingTests.picture(width: width, height: height, format: format, arena: arena, using: &generator)
        defer { a.dispose() }
        let b = try ResizingTests.picture(width: width, height: height, format: format, arena: arena, using: &generator)
        defer { b.dispose() }
        let distances = zip(try a.packed(), try b.packed()).map { abs(Double($0) - Double($1)) }
        let mean = distances.reduce(0) { $0 + $1 * $1 } / Double(distances.count)
        for difference in [try a.difference(from: b), try b.difference(from: a)] {
          #expect(difference.maximum == distances.max() && difference.fullValue == 255)
          #expect(abs(difference.rootMeanSquare - mean.squareRoot()) < 1e-9)
        }
      }
    }
  }

  @Test("Black against white gives the largest possible difference, for rows of any length")
  func extremes() throws {
    try withOwnArena { arena in
      let black = try Bitmap(width: 70_001, height: 2, format: .gray8, arena: arena)
      defer { black.dispose() }
      let white = try Bitmap.make(width: 70_001, height: 2, format: .gray8, arena: arena) { _ in 255 }
      defer { white.dispose() }
      let most = try black.difference(from: white)
      #expect(most.maximum == 255 && most.rootMeanSquare == 255 && most.peakSignalToNoiseRatio == 0)
      let none = try white.difference(from: white)
      #expect(none.maximum == 0 && none.rootMeanSquare == 0 && none.peakSignalToNoiseRatio == .infinity)
    }
  }

  @Test(
    "Maximum, root mean square and PSNR agree with the definition for 16 bits and floats",
    arguments: [PixelFormat.gray16, .rgba16, .grayF32, .rgbaF32])
  func wideDifference(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 63)
      for (width, height) in [(1, 1), (7, 5), (100, 33)] {
        let a = try FormatConversionTests.picture(
          width: width, height: height, format: format, arena: arena, using: &generator)
        defer { a.dispose() }
        let b = try FormatConversionTests.picture(
          width: width, height: height, format: format, arena: arena, using: &generator)
        defer { b.dispose() }
        let distances = zip(try FormatConversionTests.channels(a), try FormatConversionTests.channels(b))
          .map { abs($0 - $1) }
        let mean = distances.reduce(0) { $0 + $1 * $1 } / Double(distances.count)
        for difference in [try a.difference(from: b), try b.difference(from: a)] {
          #expect(abs(difference.maximum - distances.max()!) <= difference.fullValue * 1e-7)
          #expect(abs(difference.rootMeanSquare - mean.squareRoot()) < difference.fullValue * 1e-6)
          #expect(difference.fullValue == (format.channel == .uint16 ? 65_535 : 1))
        }
        #expect(try a.difference(from: a).peakSignalToNoiseRatio == .infinity)
      }
    }
  }

  @Test("If a float is NaN, the difference is NaN")
  func noNumber() throws {
    try withOwnArena { arena in
      let zero = try Bitmap(width: 3, height: 1, format: .grayF32, arena: arena)
      var other = try zero.copied(arena: arena)
      try other.withMutablePixels(as: GrayF32.self) { $0[1, 0].gray = .nan }
      let difference = try zero.difference(from: other)
      #expect(difference.maximum.isNaN && difference.rootMeanSquare.isNaN)
      for infinity in [Float.infinity, -.infinity] {
        try other.withMutablePixels(as: GrayF32.self) { $0[1, 0].gray = infinity }
        #expect(try zero.difference(from: other).maximum == .infinity)
        #expect(try other.difference(from: other).maximum == 0)
      }
      zero.dispose()
      other.dispose()
    }
  }

  @Test("Pictures of different sizes or formats, and disposed ones, cannot be compared")
  func nonsense() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
      for (width, height, format) in [(3, 3, PixelFormat.gray8), (4, 4, .gray8), (4, 3, .rgb8)] {
        let other = try Bitmap(width: width, height: height, format: format, arena: arena)
        defer { other.dispose() }
        #expect(try bitmapError { _ = try bitmap.difference(from: other) }.code == .invalidArgument)
      }
      bitmap.dispose()
      #expect(try bitmapError { _ = try bitmap.difference(from: bitmap) }.code == .pixelsUnavailable)
    }
  }
}
