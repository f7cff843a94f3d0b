// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Resizing")
struct ResizingTests {
  static let formats: [PixelFormat] = [.gray8, .rgb8, .rgba8]
  static let filters: [ResizeFilter] = [.area, .bilinear, .lanczos3]

  /// What the alpha of a test picture looks like. Each takes another way through the kernels.
  enum Transparency: CaseIterable { case none, some, much }

  static func picture(
    width: Int, height: Int, format: PixelFormat, transparency: Transparency = .much, arena: Arena,
    using generator: inout SeededGenerator
  ) throws -> Bitmap {
    let hole = width * height / 2
    return try Bitmap.make(width: width, height: height, format: format, arena: arena) { index in
      // The values are often extremes, because rounding errors show there.
      let value = [0, 255, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator) ?? 0
      guard format.hasAlpha, index % 4 == 3, transparency != .much else { return value }
      return transparency == .some && index / 4 > hole ? value : 255
    }
  }

  static func check(_ source: Bitmap, to size: (Int, Int), _ filter: ResizeFilter, arena: Arena, _ comment: Comment)
    throws
  {
    let reference = ResizingReference(
      pixels: try source.packed(), width: source.width, height: source.height, format: source.format, filter: filter)
    let actual = try source.resized(toWidth: size.0, height: size.1, filter: filter, arena: arena)
    #expect(actual.width == size.0 && actual.height == size.1 && actual.format == source.format)
    let worst = reference.distance(of: try actual.takePacked(), width: size.0, height: size.1)
    #expect(
      worst.distance <= 1,
      "\(comment): \(source.format) \(source.width)×\(source.height) to \(size) by \(filter), pixel \(worst.index)")
  }

  @Test("Results are within 1 of the definition for random sizes, larger and smaller", arguments: formats, filters)
  func randomSizes(format: PixelFormat, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 20_261_123
      var generator = SeededGenerator(seed: seed)
      let sides = [1, 2, 3, 5, 7, 8, 13, 16, 31, 37, 64, 67]
      func side() -> Int {
        Bool.random(using: &generator)
          ? sides.randomElement(using: &generator) ?? 1 : Int.random(in: 1...70, using: &generator)
      }
      for round in 0..<24 {
        let transparency = Transparency.allCases[round % 3]
        let source = try Self.picture(
          width: side(), height: side(), format: format, transparency: transparency, arena: arena, using: &generator)
        defer { source.dispose() }
        try Self.check(source, to: (side(), side()), filter, arena: arena, "seed \(seed), round \(round)")
      }
    }
  }

  @Test("Pictures can be resized to and from a single pixel, a row and a column", arguments: formats, filters)
  func degenerate(format: PixelFormat, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 11)
      let sizes = [(1, 1), (1, 29), (29, 1), (2, 2), (29, 29)]
      for from in sizes {
        let source = try Self.picture(width: from.0, height: from.1, format: format, arena: arena, using: &generator)
        defer { source.dispose() }
        for to in sizes where to != from { try Self.check(source, to: to, filter, arena: arena, "seed 11") }
      }
    }
  }

  @Test("Halving has its own code, with the same result", arguments: formats, Transparency.allCases)
  func halving(format: PixelFormat, transparency: Transparency) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 5)
      for (width, height) in [(2, 2), (6, 2), (8, 4), (10, 10), (14, 6), (16, 8), (18, 2), (34, 10), (62, 14)] {
        let source = try Self.picture(
          width: width, height: height, format: format, transparency: transparency, arena: arena, using: &generator)
        defer { source.dispose() }
        try Self.check(source, to: (width / 2, height / 2), .area, arena: arena, "seed 5")
      }
    }
  }

  @Test(
    "Rows longer than one stretch, and more rows than 16-bit sums can hold, give the right result", arguments: formats)
  func large(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 6)
      for transparency in Transparency.allCases {
        let wide = try Self.picture(
          width: 1100, height: 6, format: format, transparency: transparency, arena: arena, using: &generator)
        defer { wide.dispose() }
        for filter in Self.filters { try Self.check(wide, to: (301, 2), filter, arena: arena, "seed 6") }
      }
      let tall = try Bitmap.make(width: 3, height: 1600, format: format, arena: arena) { _ in 255 }
      defer { tall.dispose() }
      for height in [1, 2, 3, 6] {
        let result = try tall.resized(toWidth: 3, height: height, filter: .area, arena: arena).takePacked()
        #expect(result.allSatisfy { $0 == 255 })
      }
    }
  }

  @Test("A flat picture stays exactly as it is", arguments: [0, 1, 127, 254, 255] as [UInt8], filters)
  func flat(value: UInt8, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      for format in Self.formats {
        let source = try Bitmap.make(width: 101, height: 53, format: format, arena: arena) { index in
          format.hasAlpha && index % 4 == 3 ? 255 : value
        }
        defer { source.dispose() }
        for (width, height) in [(97, 41), (203, 107), (10, 100)] {
          let result = try source.resized(toWidth: width, height: height, filter: filter, arena: arena).takePacked()
          let isFlat = result.indices.allSatisfy { result[$0] == (format.hasAlpha && $0 % 4 == 3 ? 255 : value) }
          #expect(isFlat, "\(format) to \(width)×\(height)")
        }
      }
    }
  }

  @Test("The colours of transparent pixels do not affect other pixels", arguments: filters)
  func transparency(filter: ResizeFilter) throws {
    try withOwnArena { arena in
      // Green for pixels that are seen, and red for those that are not.
      let source = try Bitmap.make(width: 16, height: 16, format: .rgba8, arena: arena) { index in
        let isVisible = index / 4 % 16 < 8
        return [isVisible ? 0 : 255, isVisible ? 100 : 0, 0, isVisible ? 255 : 0][index % 4]
      }
      defer { source.dispose() }
      for size in [3, 5, 40] {
        let result = try source.resized(toWidth: size, height: size, filter: filter, arena: arena).takePacked()
        for pixel in 0..<size * size where result[4 * pixel + 3] > 0 {
          #expect(result[4 * pixel] == 0 && abs(Int(result[4 * pixel + 1]) - 100) <= 1)
        }
      }
    }
  }

  @Test("The padding of rows is neither read nor written", arguments: formats, filters)
  func padding(format: PixelFormat, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      var results: [[UInt8]] = []
      for filler in [0x00, 0xFF] as [UInt8] {
        var generator = SeededGenerator(seed: 8)
        var source = try Bitmap(width: 13, height: 9, format: format, arena: arena)
        defer { source.dispose() }
        try unsafe source.pixels.withUnsafeMutableBytes { bytes in
          for i in bytes.indices { unsafe bytes[i] = filler }
        }
        for y in 0..<9 {
          try source.withMutableRow(y) { row in
            for i in row.byteOffsets {
              row.storeBytes(of: UInt8.random(in: 0...255, using: &generator), toByteOffset: i, as: UInt8.self)
            }
          }
        }
        for size in [(6, 4), (7, 5), (26, 18)] {
          results.append(try source.resized(toWidth: size.0, height: size.1, filter: filter, arena: arena).takePacked())
        }
      }
      #expect(Array(results[..<3]) == Array(results[3...]))
    }
  }

  @Test("Sizes that make no sense are refused", arguments: [(0, 1), (1, 0), (-1, 1), (1 << 32, 1), (1, Int.max)])
  func nonsense(width: Int, height: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 10, height: 10, format: .rgb8, arena: arena)
      defer { source.dispose() }
      let error = try bitmapError { try source.resized(toWidth: width, height: height, arena: arena).dispose() }
      #expect(error.code == .invalidArgument)
    }
  }
}
