// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Pixels of a PNG whose colours are not in its palette")
struct LackingColorTests {
  /// Rows of the pixels' palette numbers, as they are in a file.
  private static func packed(_ rows: [[UInt8]], depth: Int) -> [[UInt8]] {
    rows.map { row in
      let pixelsPerByte = 8 / depth
      return stride(from: 0, to: row.count, by: pixelsPerByte).map { start in
        (0..<pixelsPerByte).reduce(0) { byte, place in
          // The bits behind the last pixel are no pixel, whatever they are.
          byte << depth | (start + place < row.count ? row[start + place] : UInt8(1 << depth - 1))
        }
      }
    }
  }

  /// The file says that its rows are those of interlaced passes.
  private static func interlaced(_ file: [UInt8]) -> [UInt8] {
    Array(file[..<8]) + PNGWriter.chunk("IHDR", Array(file[16..<28]) + [1]) + file[33...]
  }

  private static let codes: [PictureWarning.Code] = [.irregularData]

  /// The decoder fills up the palette with a colour whose red is not in use. The reds 0 and 1, which it could choose
  /// first, are in use.
  private static let colors: [UInt8] = [0, 8, 7, 1, 60, 70, 200, 0, 0]

  @Test(
    "Such pixels are black and opaque, with a warning, in every way of decoding", arguments: [1, 2, 4, 8], [[], [0]])
  func warned(depth: Int, transparency: [UInt8]) throws {
    try withOwnArena { arena in
      let colors = depth == 1 ? Array(Self.colors[..<3]) : Self.colors
      let count = UInt8(colors.count / 3)
      let most = UInt8(1 << depth - 1)
      for lacking in Set([count, most]) {
        let rows = [[0, count - 1, 0], [0, 0, lacking], [0, count - 1, 0]]
        let writer = PNGWriter(
          width: 3, height: 3, bitDepth: UInt8(depth), colorType: .palette, palette: colors, transparency: transparency,
          rows: Self.packed(rows, depth: depth))
        let pixels = rows.joined().flatMap { number -> [UInt8] in
          let start = Int(number) * 3
          let color = number < count ? Array(colors[start..<start + 3]) : [0, 0, 0]
          return color + (transparency.isEmpty ? [] : [Int(number) < transparency.count ? 0 : 255])
        }
        try CompletePictureTests.expect(
          writer.encoded(), pixels: pixels, Self.codes, parts: ["PLTE"], arena: arena)
        try CompletePictureTests.expect(
          writer.encoded().dropLast(3), pixels: pixels, Self.codes + [.missingEnd], arena: arena)
        // Pass 1 has the first pixel, pass 4 the third one, 5 the corners below, 6 those between, and 7 the second row.
        var passes = writer
        passes.rows = Self.packed(
          [[rows[0][0]], [rows[0][2]], [rows[2][0], rows[2][2]], [rows[0][1]], [rows[2][1]], rows[1]], depth: depth)
        try CompletePictureTests.expect(
          Self.interlaced(passes.encoded()), pixels: pixels, Self.codes, parts: ["PLTE"], arena: arena)
        let wide = try Bitmap.decode(writer.encoded(), format: .rgba16, arena: arena)
        #expect(wide.decodingWarnings.map(\.part) == ["PLTE"])
        let samples = try wide.takePacked()
        let place = 5 * 8
        #expect(Array(samples[place..<place + 8]) == [0, 0, 0, 0, 0, 0, 255, 255])
      }
    }
  }

  @Test(
    "If all pixels' colours are in the palette, there is no warning, whatever is behind the end of a row",
    arguments: [1, 2, 4, 8])
  func unused(depth: Int) throws {
    try withOwnArena { arena in
      let colors = depth == 1 ? Array(Self.colors[..<3]) : Self.colors
      let last = UInt8(colors.count / 3 - 1)
      let rows = [[0, last, 0], [last, 0, last]]
      let file = PNGWriter(
        width: 3, height: 2, bitDepth: UInt8(depth), colorType: .palette, palette: colors,
        rows: Self.packed(rows, depth: depth)
      ).encoded()
      let pixels = rows.joined().flatMap { colors[Int($0) * 3..<Int($0) * 3 + 3] }
      try CompletePictureTests.expect(file, pixels: Array(pixels), [], arena: arena)
    }
  }

  @Test("There is a warning also if the palette has 255 of the 256 colours that the pixels use")
  func oneLess() throws {
    try withOwnArena { arena in
      for unused in [0, 100, 255] {
        let reds = (0...255).filter { $0 != unused }.map { UInt8($0) }
        let numbers = (0...255).map { UInt8($0) }
        let file = PNGWriter(
          width: 256, height: 1, colorType: .palette, palette: reds.flatMap { [$0, 3, 4] as [UInt8] }, rows: [numbers]
        ).encoded()
        let pixels: [UInt8] = reds.flatMap { [$0, 3, 4] as [UInt8] } + [0, 0, 0]
        try CompletePictureTests.expect(file, pixels: pixels, Self.codes, parts: ["PLTE"], arena: arena)
      }
    }
  }

  @Test("The error of strict decoding says that the client should look at the colours")
  func strict() throws {
    try withOwnArena { arena in
      let file = PNGWriter(width: 1, height: 1, colorType: .palette, palette: [1, 2, 3], rows: [[1]]).encoded()
      var limits = DecodingLimits()
      limits.isStrict = true
      let error = try bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() }
      #expect(error.code == .corrupt, "\(error)")
      #expect(error.reason.contains("(PLTE: pixels have numbers beyond this palette; they are black.)"), "\(error)")
      #expect(error.reason.hasSuffix("or decode it without `isStrict`, and look at its colours."), "\(error)")
    }
  }
}
