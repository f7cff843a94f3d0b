// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Files, grays and alpha in every format")
struct FormatOperationTests {
  @Test("Decoding a file to a format gives the same as decoding it and then converting it", arguments: PixelFormat.all)
  func decoding(format: PixelFormat) throws {
    try withOwnArena { arena in
      let drawn = try Bitmap.drawn(width: 40, height: 30, arena: arena)
      let glass = try Bitmap.make(width: 40, height: 30, format: .rgba8, arena: arena) { UInt8(truncatingIfNeeded: $0) }
      for picture in [
        try drawn.encodedJPEG(arena: arena), try drawn.encodedPNG(arena: arena), try glass.encodedPNG(arena: arena),
      ] {
        defer { picture.dispose() }
        let plain = try picture.withBytes { try Bitmap(decoding: $0, arena: arena) }
        defer { plain.dispose() }
        // In all gray formats, a JPEG's gray is its own luminance plane. Its rounded and clipped colours give almost
        // the same gray.
        let isOwnGray = picture.format == .jpeg && format.isGray
        let luma = try picture.withBytes { try Bitmap(decoding: $0, format: .gray8, arena: arena) }
        defer { luma.dispose() }
        let decoded = try picture.withBytes { try Bitmap(decoding: $0, format: format, arena: arena) }
        defer { decoded.dispose() }
        #expect(decoded.format == format)
        let expected = try (isOwnGray ? luma : plain).converted(to: format, arena: arena)
        defer { expected.dispose() }
        #expect(try decoded.difference(from: expected).maximum == 0, "\(picture.format)")
        guard isOwnGray else { continue }
        let gray = try plain.converted(to: .gray8, arena: arena)
        defer { gray.dispose() }
        #expect(try luma.difference(from: gray).maximum <= 8)
      }
      drawn.dispose()
      glass.dispose()
    }
  }

  @Test("A picture in any format is encoded as the JPEG of its 8-bit version on white", arguments: PixelFormat.all)
  func encodingJPEG(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 91)
      let source = try FormatConversionTests.picture(
        width: 33, height: 21, format: format, arena: arena, using: &generator)
      defer { source.dispose() }
      let plain = try source.converted(to: format.isGray ? .gray8 : .rgb8, arena: arena)
      defer { plain.dispose() }
      let (one, other) = (try source.encodedJPEG(arena: arena), try plain.encodedJPEG(arena: arena))
      #expect(try bytes(of: one) == bytes(of: other))
      one.dispose()
      other.dispose()
    }
  }

  @Test(
    "A picture in any 8-bit format is the same after it was encoded as a PNG and decoded",
    arguments: PixelFormat.all.filter { $0.channel == .uint8 })
  func encodingPNG(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 92)
      let source = try FormatConversionTests.picture(
        width: 33, height: 21, format: format, arena: arena, using: &generator)
      defer { source.dispose() }
      let encoded = try source.encodedPNG(arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { try Bitmap(decoding: $0, format: format, arena: arena) }
      // Premultiplied pixels are written as straight ones and read back, without a loss.
      #expect(try decoded.takePacked() == source.packed())
    }
  }

  func bytes(of picture: EncodedPicture) throws -> [UInt8] {
    try picture.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
  }

  @Test("Gray versions have the same depth, and keep alpha if the gray format can hold it", arguments: PixelFormat.all)
  func grays(format: PixelFormat) throws {
    #expect(format.grayscale.isGray && format.grayscale.channel == format.channel)
    #expect(format.grayscale.hasAlpha == (format.hasAlpha && format.channel == .uint8))
    #expect(format.grayscale.isPremultiplied == format.isPremultiplied)
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 93)
      let source = try FormatConversionTests.picture(
        width: 9, height: 7, format: format, arena: arena, using: &generator)
      defer { source.dispose() }
      let gray = try source.grayscaled(arena: arena)
      #expect(gray.format == format.grayscale)
      #expect(try gray.takePacked() == source.converted(to: format.grayscale, arena: arena).takePacked())
    }
  }

  @Test("Alpha can be multiplied and divided if there is a format for the result", arguments: PixelFormat.all)
  func alpha(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 94)
      let source = try FormatConversionTests.picture(
        width: 9, height: 7, format: format, arena: arena, using: &generator)
      defer { source.dispose() }
      let straight = try source.unpremultiplied(arena: arena)
      defer { straight.dispose() }
      #expect(straight.format == format.straight)
      guard format.channel == .uint8 || !format.hasAlpha else {
        #expect(try bitmapError { try source.premultiplied(arena: arena).dispose() }.code == .unsupported)
        return
      }
      let multiplied = try straight.premultiplied(arena: arena)
      #expect(multiplied.format.isPremultiplied == format.hasAlpha && multiplied.format.straight == format.straight)
      if format.isPremultiplied || !format.hasAlpha {
        #expect(try multiplied.packed() == source.packed())
      } else {
        // The difference is at most 127 / alpha, as the documentation says. If alpha is 0, colours are lost.
        let (before, after) = (
          try source.packed(), try multiplied.converted(to: format, arena: arena).takePacked()
        )
        let count = format.channelCount
        for i in before.indices {
          let alpha = Int(before[i / count * count + count - 1])
          let error = abs(Int(before[i]) - Int(after[i]))
          #expect(alpha == 0 ? after[i] == 0 : 2 * error * alpha <= 255 + alpha)
        }
      }
      multiplied.dispose()
    }
  }

  /// Everything that allocates during changes and conversions, once each.
  static func pipeline(_ arena: Arena) throws {
    let first = try Bitmap(width: 300, height: 200, format: .rgba8, arena: arena)
    defer { first.dispose() }
    var second = first
    try second.withMutablePixels(as: RGBA8.self) { $0[0, 0] = RGBA8(red: 1, green: 2, blue: 3) }
    defer { second.dispose() }
    var crop = try first.cropped(to: PixelRect(x: 3, y: 4, width: 200, height: 100))
    try crop.withMutableRowBands(jobs: 2) { $0[0, $0.rows.lowerBound] = 1 }
    defer { crop.dispose() }
    var third = second
    try third.replacePixels(atX: 5, y: 6, with: crop)
    defer { third.dispose() }
    for format in PixelFormat.all { try third.converted(to: format, arena: arena).dispose() }
    try third.copied(arena: arena).dispose()
  }

  @Test("If any allocation of changes and conversions fails, nothing is left, and the audit is clean")
  func everyAllocation() throws {
    try withOwnArena { arena in
      let failures = try arena.failEachAllocation { try Self.pipeline(arena) }
      #expect(failures > 5, "\(failures)")
    }
  }

  @Test("A cancelled task does not convert, turn or copy, and leaves nothing behind")
  func cancellation() async throws {
    let arena = try Arena(name: "test")
    let codes = try await Task {
      var bitmap = try Bitmap.drawn(width: 64, height: 48, arena: arena)
      defer { bitmap.dispose() }
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      let shared = bitmap
      return try [
        bitmapError { try bitmap.converted(to: .gray8, arena: arena).dispose() },
        bitmapError { try bitmap.oriented(.rotated90, arena: arena).dispose() },
        bitmapError { try bitmap.copied(arena: arena).dispose() },
        bitmapError { try bitmap.withMutableRow(0) { _ in } },
        bitmapError { try bitmap.replacePixels(atX: 0, y: 0, with: shared) },
      ].map(\.code)
    }.value
    #expect(codes.allSatisfy { $0 == .cancelled })
    try arena.expectEmpty()
    try arena.destroy()
  }
}
