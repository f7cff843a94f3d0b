// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Decoding PNG")
struct PNGDecodingTests {
  /// Four by two pixels of gray in 1, 2, 4 or 8 bits. All are different if there are that many values.
  @Test(
    "Gray samples of 1, 2 and 4 bits are scaled to the whole range",
    arguments: [
      (1 as UInt8, [[0b0101_0000], [0b1010_0000]], [0, 255, 0, 255, 255, 0, 255, 0]),
      (2, [[0b0001_1011], [0b1110_0100]], [0, 85, 170, 255, 255, 170, 85, 0]),
      (4, [[0x01, 0x23], [0xEF, 0x80]], [0, 17, 34, 51, 238, 255, 136, 0]),
      (8, [[0, 1, 2, 3], [252, 253, 254, 255]], [0, 1, 2, 3, 252, 253, 254, 255]),
    ] as [(UInt8, [[UInt8]], [UInt8])])
  func gray(bitDepth: UInt8, rows: [[UInt8]], expected: [UInt8]) throws {
    try withOwnArena { arena in
      let png = PNGWriter(width: 4, height: 2, bitDepth: bitDepth, colorType: .gray, rows: rows)
      let bitmap = try Bitmap.decode(png.encoded(), arena: arena)
      #expect(bitmap.format == .gray8)
      #expect(try bitmap.takePacked() == expected)
      let rgba = try Bitmap.decode(png.encoded(), format: .rgba8, arena: arena).takePacked()
      #expect(rgba == expected.flatMap { [$0, $0, $0, 255] })
    }
  }

  @Test("16-bit samples are rounded to 8 bits, not truncated")
  func sixteenBits() throws {
    try withOwnArena { arena in
      let samples: [UInt16] = [0, 128, 129, 0x7F80, 0x8000, 0xFF7E, 0xFF7F, 0xFFFF, 0x1234]
      let row = samples.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
      let png = PNGWriter(width: 3, height: 1, bitDepth: 16, colorType: .rgb, rows: [row])
      let bitmap = try Bitmap.decode(png.encoded(), arena: arena)
      #expect(bitmap.format == .rgb8)
      #expect(try bitmap.takePacked() == samples.map { UInt8((Double($0) / 257).rounded()) })
    }
  }

  @Test("A palette is replaced by its colours, with alpha if some of them are transparent")
  func palette() throws {
    try withOwnArena { arena in
      let colors: [UInt8] = [10, 20, 30, 40, 50, 60, 70, 80, 90]
      var png = PNGWriter(width: 3, height: 1, colorType: .palette, palette: colors, rows: [[2, 0, 1]])
      let opaque = try Bitmap.decode(png.encoded(), arena: arena)
      #expect(opaque.format == .rgb8)
      #expect(try opaque.takePacked() == [70, 80, 90, 10, 20, 30, 40, 50, 60])
      png.transparency = [0, 128]
      let transparent = try Bitmap.decode(png.encoded(), arena: arena)
      #expect(transparent.format == .rgba8)
      #expect(try transparent.takePacked() == [70, 80, 90, 255, 10, 20, 30, 0, 40, 50, 60, 128])
    }
  }

  @Test("Gray with alpha is decoded to rgba8")
  func grayAlpha() throws {
    try withOwnArena { arena in
      let png = PNGWriter(width: 2, height: 1, colorType: .grayAlpha, rows: [[7, 200, 9, 100]])
      let pixels = try Bitmap.decode(png.encoded(), arena: arena).takePacked()
      #expect(pixels == [7, 7, 7, 200, 9, 9, 9, 100])
    }
  }

  @Test("If the wanted format has no alpha, pixels are laid on white")
  func flattening() throws {
    try withOwnArena { arena in
      let png = PNGWriter(width: 3, height: 1, colorType: .rgba, rows: [[255, 0, 0, 0, 0, 0, 0, 128, 1, 2, 3, 255]])
      let rgb = try Bitmap.decode(png.encoded(), format: .rgb8, arena: arena).takePacked()
      #expect(rgb == [255, 255, 255, 127, 127, 127, 1, 2, 3])
      let gray = try Bitmap.decode(png.encoded(), format: .gray8, arena: arena).takePacked()
      #expect(gray == [255, 127, 2])
    }
  }

  @Test("An interlaced PNG has the same pixels as its plain twin", .enabled(if: Corpus.isPresent, Corpus.absence))
  func interlacing() throws {
    try withOwnArena { arena in
      let names = Corpus.names(in: "pngsuite").filter { $0.contains("/basi") }
      #expect(names.count == 15)
      for name in names {
        let twin = name.replacing("/basi", with: "/basn")
        let interlaced = try Bitmap(decodingFileAt: Corpus.path(name), arena: arena)
        let plain = try Bitmap(decodingFileAt: Corpus.path(twin), arena: arena)
        #expect(interlaced.format == plain.format)
        #expect(try interlaced.takePacked() == plain.takePacked(), "\(name)")
      }
    }
  }

  @Test(
    "All valid files of PngSuite are decoded, and broken ones are refused with a reason",
    .enabled(if: Corpus.isPresent, Corpus.absence))
  func suite() throws {
    try withOwnArena { arena in
      for name in Corpus.names(in: "pngsuite") {
        if name.contains("/x") {
          let error = try bitmapError("\(name)") {
            try Bitmap(decodingFileAt: Corpus.path(name), arena: arena).dispose()
          }
          #expect([.corrupt, .notAPicture].contains(error.code), "\(error)")
          #expect(error.path == Corpus.path(name) && !error.reason.isEmpty)
        } else {
          try Bitmap(decodingFileAt: Corpus.path(name), arena: arena).dispose()
        }
      }
    }
  }

  @Test(
    "A wrong checksum is refused in each chunk that pixels are made from", arguments: ["IHDR", "PLTE", "tRNS", "IDAT"])
  func checksums(chunk: String) throws {
    try withOwnArena { arena in
      var file = PNGWriter(
        width: 3, height: 1, colorType: .palette, palette: [1, 2, 3, 4, 5, 6, 7, 8, 9], transparency: [5],
        rows: [[2, 0, 1]]
      ).encoded()
      file.insert(contentsOf: PNGWriter.chunk("tEXt", Array("Title\0none".utf8)), at: 33)
      try Bitmap.decode(file, arena: arena).dispose()
      let name = Array(chunk.utf8)
      let start = try #require((0..<file.count - 4).first { Array(file[$0..<$0 + 4]) == name })
      let length = file[start - 4..<start].reduce(0) { $0 << 8 | Int($1) }
      file[start + 4 + length] ^= 1
      let error = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
      #expect(error.code == .corrupt && error.format == .png)
    }
  }

  @Test("libpng frees all of its memory, whether it decoded or failed")
  func memory() throws {
    try withOwnArena { arena in
      let rows = (0..<64).map { y in (0..<192).map { UInt8(truncatingIfNeeded: $0 * y) } }
      let file = PNGWriter(width: 64, height: 64, colorType: .rgb, rows: rows).encoded()
      let bitmap = try Bitmap(width: 64, height: 64, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      for cut in stride(from: 0, through: file.count, by: 97) + [file.count] {
        let outcome = try unsafe Array(file[..<cut]).withUnsafeBytes { bytes in
          try unsafe PNGCodec(limits: .default, isProbing: false).attempt(bytes, deadline: WorkDeadline(), into: bitmap)
        }
        #expect(outcome.outstandingBlockCount == 0)
        #expect((outcome.error == nil) == (cut >= file.count - 20))  // the end, and the two checksums of the pixels
        #expect(outcome.warnings.isEmpty == (outcome.error != nil || cut == file.count))
      }
    }
  }
}
