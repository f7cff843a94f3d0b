// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Conversion between all pixel formats")
struct FormatConversionTests {
  /// A pixel as the rule sees it: gray, or red, green and blue; in doubles from 0 to 1.
  struct Color {
    var values: [Double]
    var alpha: Double
  }

  /// Converts one pixel at a time, by the rule, in doubles. The result is on the scale of the new format.
  static func reference(_ source: [Double], from: PixelFormat, to: PixelFormat) -> [Double] {
    func full(_ format: PixelFormat) -> Double {
      switch format.channel {
      case .uint8: 255
      case .uint16: 65_535
      case .float32: 1
      }
    }
    var color = Array(source[..<(from.isGray ? 1 : 3)]).map { $0 / full(from) }
    if from == .bgra8 || from == .bgra8Premultiplied { color.swapAt(0, 2) }
    let alpha = from.hasAlpha ? source[source.count - 1] / full(from) : 1
    // If both formats have 8 bits, the result is rounded between two steps, as the documentation says.
    func step(_ value: Double) -> Double {
      guard from.channel == .uint8, to.channel == .uint8 else { return value }
      return ((value * 255) + 1e-9).rounded() / 255
    }
    if from.hasAlpha, !to.hasAlpha {
      color = color.map { step(min(1, from.isPremultiplied ? $0 + 1 - alpha : $0 * alpha + 1 - alpha)) }
    } else if from.isPremultiplied, !to.isPremultiplied {
      color = color.map { alpha > 0 ? step(min(1, $0 / alpha)) : 0 }
    } else if from.hasAlpha, !from.isPremultiplied, to.isPremultiplied {
      color = color.map { step($0 * alpha) }
    }
    if to.isGray, color.count == 3 {
      color = [(19_595 * color[0] + 38_470 * color[1] + 7_471 * color[2]) / 65_536]
    } else if !to.isGray, color.count == 1 {
      color = [color[0], color[0], color[0]]
    }
    if to == .bgra8 || to == .bgra8Premultiplied { color.swapAt(0, 2) }
    let scaled = (color + (to.hasAlpha ? [alpha] : [])).map { $0 * full(to) }
    guard to.channel != .float32 else { return scaled }
    return scaled.map { min(full(to), max(0, ($0 + 1e-9).rounded())) }
  }

  /// Every channel of every pixel, row by row.
  static func channels(_ bitmap: Bitmap) throws -> [Double] {
    let bytes = try bitmap.packed()
    return unsafe bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / bitmap.format.bytesPerChannel).map { index in
        switch bitmap.format.channel {
        case .uint8: Double(unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt8.self))
        case .uint16: Double(unsafe bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
        case .float32: Double(unsafe bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
        }
      }
    }
  }

  /// Random channels; a third of the alphas are 0 and a third are full. Premultiplied colours do not exceed alpha.
  static func picture(
    width: Int, height: Int, format: PixelFormat, arena: Arena, using generator: inout SeededGenerator
  ) throws -> Bitmap {
    var bitmap = try Bitmap(width: width, height: height, format: format, arena: arena)
    for y in 0..<height {
      try bitmap.withMutableRow(y) { row in
        for x in 0..<width {
          let alpha = [0, 1, Double.random(in: 0...1, using: &generator)].randomElement(using: &generator) ?? 1
          for channel in 0..<format.channelCount {
            let isAlpha = format.hasAlpha && channel == format.channelCount - 1
            var value = isAlpha ? alpha : Double.random(in: 0...1, using: &generator)
            if format.isPremultiplied, !isAlpha { value *= alpha }
            let offset = (x * format.channelCount + channel) * format.bytesPerChannel
            switch format.channel {
            case .uint8: row.storeBytes(of: UInt8((value * 255).rounded()), toByteOffset: offset, as: UInt8.self)
            case .uint16: row.storeBytes(of: UInt16((value * 65_535).rounded()), toByteOffset: offset, as: UInt16.self)
            case .float32: row.storeBytes(of: Float(value), toByteOffset: offset, as: Float.self)
            }
          }
        }
      }
    }
    return bitmap
  }

  /// How far a result may be from the rule, on the scale of the new format.
  static func tolerance(from: PixelFormat, to: PixelFormat) -> Double {
    switch to.channel {
    // The result must be exact, unless a float is near to the middle between two numbers.
    case .uint8: from.channel == .uint8 ? 0 : 1
    case .uint16: from.channel == .uint8 && !from.hasAlpha && from.isGray == to.isGray ? 0 : 1
    case .float32: 1e-6
    }
  }

  @Test(
    "Every format can be converted to every other, with the accuracy that the documentation promises",
    arguments: PixelFormat.all)
  func all(from: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 71)
      for (width, height) in [(1, 1), (5, 3), (255, 2), (257, 2), (600, 1)] {
        let source = try Self.picture(width: width, height: height, format: from, arena: arena, using: &generator)
        defer { source.dispose() }
        let pixels = try Self.channels(source)
        for to in PixelFormat.all {
          let result = try source.converted(to: to, arena: arena)
          #expect(result.format == to && result.width == width && result.height == height)
          let actual = try Self.channels(result)
          result.dispose()
          let expected =
            from == to
            ? pixels
            : stride(from: 0, to: pixels.count, by: from.channelCount).flatMap { start in
              Self.reference(Array(pixels[start..<start + from.channelCount]), from: from, to: to)
            }
          let worst = zip(actual, expected).map { abs($0 - $1) }.max() ?? 0
          #expect(worst <= Self.tolerance(from: from, to: to), "seed 71: \(from) to \(to), width \(width)")
        }
      }
    }
  }

  @Test("Each of the 65,536 pairs of a colour and an alpha is multiplied and divided exactly")
  func pairs() throws {
    try withOwnArena { arena in
      for (straight, multiplied) in [
        (PixelFormat.grayAlpha8, PixelFormat.grayAlpha8Premultiplied), (.rgba8, .rgba8Premultiplied),
        (.bgra8, .bgra8Premultiplied), (.rgba8, .bgra8Premultiplied), (.bgra8, .rgba8Premultiplied),
      ] {
        for (from, to) in [(straight, multiplied), (multiplied, straight)] {
          let count = from.channelCount
          let source = try Bitmap.make(width: 256, height: 256, format: from, arena: arena) { index in
            index % count == count - 1 ? UInt8(index / count / 256) : UInt8(index / count % 256)
          }
          let result = try source.converted(to: to, arena: arena).takePacked()
          source.dispose()
          for pixel in 0..<65_536 {
            let (color, alpha) = (pixel % 256, pixel / 256)
            let expected =
              to.isPremultiplied
              ? (2 * color * alpha + 255) / 510 : alpha == 0 ? 0 : min(255, (2 * color * 255 + alpha) / (2 * alpha))
            for channel in 0..<count {
              let wanted = channel == count - 1 ? alpha : expected
              if Int(result[pixel * count + channel]) != wanted {
                Issue.record("\(from) to \(to): \(color) with alpha \(alpha) is \(result[pixel * count + channel])")
                return
              }
            }
          }
        }
      }
    }
  }

  @Test("Integers that are converted to any wider format and back stay the same", arguments: PixelFormat.all)
  func roundTrips(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 72)
      let source = try Self.picture(width: 300, height: 7, format: format, arena: arena, using: &generator)
      defer { source.dispose() }
      let wider =
        PixelFormat.all.filter {
          $0.bytesPerChannel >= format.bytesPerChannel && ($0.hasAlpha || !format.hasAlpha)
            && ($0.isGray == format.isGray || format.isGray) && (!$0.isPremultiplied || format.isPremultiplied)
        }
      #expect(wider.contains(format))
      for other in wider where format.channel != .float32 || other == format {
        let there = try source.converted(to: other, arena: arena)
        let back = try there.converted(to: format, arena: arena)
        there.dispose()
        #expect(try back.takePacked() == source.packed(), "\(format) by way of \(other)")
      }
    }
  }

  @Test("Colours and alpha outside of the range are clamped before they are multiplied or divided")
  func beyond() throws {
    try withOwnArena { arena in
      let pixels = [
        RGBAF32(red: 2, green: -1, blue: 0.5, alpha: 0.5), RGBAF32(red: 1, green: 0, blue: .nan, alpha: 7),
        RGBAF32(red: 0.2, green: 0.2, blue: 0.2, alpha: -3), RGBAF32(red: 1, green: 1, blue: 1, alpha: .nan),
      ]
      var source = try Bitmap(width: pixels.count, height: 1, format: .rgbaF32, arena: arena)
      defer { source.dispose() }
      try source.withMutablePixels(as: RGBAF32.self) { rows in
        for (x, pixel) in pixels.enumerated() { rows[x, 0] = pixel }
      }
      #expect(
        try source.converted(to: .rgba8, arena: arena).takePacked() == [
          255, 0, 128, 128, 255, 0, 0, 255, 51, 51, 51, 0, 255, 255, 255, 0,
        ])
      #expect(
        try source.converted(to: .bgra8Premultiplied, arena: arena).takePacked() == [
          64, 0, 128, 128, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
        ])
      #expect(
        try source.converted(to: .rgb8, arena: arena).takePacked() == [
          255, 128, 191, 255, 0, 0, 255, 255, 255, 255, 255, 255,
        ])
    }
  }

  @Test("Floats outside of the range are clamped, and NaN becomes 0")
  func floats() throws {
    try withOwnArena { arena in
      let values: [Float] = [-.infinity, -1, -0.0, 0.5, 1, 1.5, 1e30, .infinity, .nan]
      var source = try Bitmap(width: values.count, height: 1, format: .grayF32, arena: arena)
      defer { source.dispose() }
      try source.withMutableRow(0) { row in
        for (x, value) in values.enumerated() { row.storeBytes(of: value, toByteOffset: 4 * x, as: Float.self) }
      }
      #expect(
        try source.converted(to: .gray8, arena: arena).takePacked() == [0, 0, 0, 128, 255, 255, 255, 255, 0])
      let wide = try source.converted(to: .gray16, arena: arena)
      #expect(try Self.channels(wide) == [0, 0, 0, 32_768, 65_535, 65_535, 65_535, 65_535, 0])
      wide.dispose()
    }
  }
}
