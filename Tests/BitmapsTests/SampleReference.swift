// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// A picture's samples as plain doubles, colours multiplied by alpha. The definitions of operations are written for
/// these.
struct SampleReference {
  let width: Int
  let height: Int
  let format: PixelFormat
  /// The samples in the units of the format, row by row.
  let values: [Double]

  var channels: Int { format.channelCount }

  init(_ bitmap: Bitmap, weighsWithAlpha: Bool = true) throws {
    width = bitmap.width
    height = bitmap.height
    format = bitmap.format
    var values = try bitmap.samples()
    if weighsWithAlpha, format.hasStraightAlpha {
      let channels = bitmap.format.channelCount
      for pixel in stride(from: 0, to: values.count, by: channels) {
        let alpha = values[pixel + channels - 1] / bitmap.format.fullValue
        for c in 0..<channels - 1 { values[pixel + c] *= alpha }
      }
    }
    self.values = values
  }

  /// Beyond the border, the outermost pixels are repeated.
  func value(_ x: Int, _ y: Int, _ channel: Int) -> Double {
    let (x, y) = (min(max(x, 0), width - 1), min(max(y, 0), height - 1))
    return values[(y * width + x) * channels + channel]
  }

  /// How a pixel of these values, colours multiplied by alpha, is stored; nil if it may also be stored as wholly
  /// transparent.
  static func stored(_ sum: [Double], as format: PixelFormat) -> [Double]? {
    let full = format.fullValue
    var values = sum
    if format.hasStraightAlpha, let alpha = sum.last {
      let least = format.isFloat ? 0x1p-17 : 0.5
      // This is as near as rounding gets: floats that are sums differ by millionths of a full value.
      if abs(alpha - least) < (format.isFloat ? 2e-6 : 1e-3) { return nil }
      for c in 0..<sum.count - 1 { values[c] = alpha > least ? sum[c] * full / alpha : 0 }
      if alpha < least { values[sum.count - 1] = 0 }
    } else if format.hasAlpha, !format.isFloat, let alpha = sum.last {
      let scale = full / max(full, alpha)
      for c in sum.indices { values[c] = min(sum[c] * scale, max(0, alpha * scale)) }
    }
    return format.isFloat ? values : values.map { min(full, max(0, $0)) }
  }

  /// The distance of `actual` from this picture resized by the definition.
  func distance(ofResized actual: Bitmap, filter: ResizeFilter) throws -> Double {
    let columns = (0..<actual.width).map { ResizingReference.weights($0, width, actual.width, filter) }
    let rows = (0..<actual.height).map { ResizingReference.weights($0, height, actual.height, filter) }
    return try Self.distance(of: actual) { x, y in
      (0..<channels).map { c in
        var sum = 0.0
        for (row, share) in rows[y] {
          for (column, weight) in columns[x] { sum += share * weight * value(column, row, c) }
        }
        return sum
      }
    }
  }

  /// The largest distance of a bitmap's samples from those of a definition, in the units of the format and before any
  /// rounding. Pixels for which the definition is nil do not count. Straight colours of floats are quotients of sums,
  /// so their distances are weighted by alpha and by size.
  static func distance(of actual: Bitmap, from expected: (_ x: Int, _ y: Int) -> [Double]?) throws -> Double {
    let samples = try actual.samples()
    let channels = actual.format.channelCount
    var worst = 0.0
    for y in 0..<actual.height {
      for x in 0..<actual.width {
        guard let pixel = expected(x, y).flatMap({ stored($0, as: actual.format) }) else { continue }
        let isQuotient = actual.format.isFloat && actual.format.hasStraightAlpha
        for c in 0..<channels {
          let weight = isQuotient && c < channels - 1 ? min(1, pixel[channels - 1]) / max(1, abs(pixel[c])) : 1
          let distance = weight * abs(samples[(y * actual.width + x) * channels + c] - pixel[c])
          worst = distance.isNaN ? .infinity : max(worst, distance)
        }
      }
    }
    return worst
  }
}

extension PixelFormat {
  /// All formats with which operations are tested.
  static var tested: [PixelFormat] { all }

  var isFloat: Bool { channel == .float32 }
  var hasStraightAlpha: Bool { hasAlpha && !isPremultiplied }

  /// How far from the exact result an operation may be: 1 for 8 bits, which are rounded.
  var tolerance: Double { isFloat ? 1e-5 : fullValue == 255 ? 1 : 2 }
}

extension Bitmap {
  /// The samples as numbers, row by row without padding.
  func samples() throws -> [Double] {
    let bytes = try packed()
    switch format.fullValue {
    case 255: return bytes.map(Double.init)
    case 1:
      return stride(from: 0, to: bytes.count, by: 4).map { i in
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[i + $1]) << (8 * $1) }
        return Double(Float(bitPattern: bits))
      }
    default:
      return stride(from: 0, to: bytes.count, by: 2).map { Double(UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8) }
    }
  }

  /// A picture of random samples, which are often extremes, in rows whose padding is not 0.
  static func random(
    width: Int, height: Int, format: PixelFormat, isOpaque: Bool = false, arena: Arena,
    using generator: inout SeededGenerator
  ) throws -> Bitmap {
    func share() -> Double {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: 0
      case 1: 1
      default: Double.random(in: 0...1, using: &generator)
      }
    }
    let channels = format.channelCount
    var bitmap = try Bitmap(width: width, height: height, format: format, arena: arena)
    for y in 0..<height {
      var bytes: [UInt8] = []
      for _ in 0..<width {
        let alpha = isOpaque ? 1 : share()
        for c in 0..<channels {
          let isAlpha = format.hasAlpha && c == channels - 1
          let color = format.hasAlpha && !format.hasStraightAlpha ? alpha * share() : share()
          bytes += format.bytes(of: isAlpha ? alpha : color)
        }
      }
      try bitmap.withMutableRow(y) { row in
        for (i, byte) in bytes.enumerated() { row.storeBytes(of: byte, toByteOffset: i, as: UInt8.self) }
      }
    }
    return bitmap
  }
}

extension PixelFormat {
  /// The bytes of a sample of 0 to 1.
  func bytes(of share: Double) -> [UInt8] {
    switch fullValue {
    case 255: return [UInt8((share * 255).rounded())]
    case 1:
      let bits = Float(share).bitPattern
      return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    default:
      let value = UInt16((share * 65_535).rounded())
      return [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
    }
  }
}

/// Sizes with which operations are tested: single pixels, rows, columns, and widths that end within a vector.
func randomSizes(_ count: Int, upTo limit: Int, using generator: inout SeededGenerator) -> [(width: Int, height: Int)] {
  let fixed = [(1, 1), (1, 13), (17, 1), (2, 2), (16, 3), (limit, 5)]
  let random = (0..<count).map { _ in
    (Int.random(in: 1...limit, using: &generator), Int.random(in: 1...limit, using: &generator))
  }
  return fixed + random
}
