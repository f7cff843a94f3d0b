// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Netpbm")
struct NetpbmTests {
  @Test("Every kind of file is decoded to the pixels that it holds")
  func kinds() throws {
    try withOwnArena { arena in
      let cases: [(file: [UInt8], format: PixelFormat, pixels: [UInt8])] = [
        (Array("P1\n# a comment\n3 2\n1 0 1\n010\n".utf8), .gray8, [0, 255, 0, 255, 0, 255]),
        (Array("P2 2 1 5\n0 3 ".utf8), .gray8, [0, 153]),
        (Array("P3\n1 1\n255\n1 2 3".utf8), .rgb8, [1, 2, 3]),
        (
          Array("P4\n10 2\n".utf8) + [0x80, 0x40, 0x01, 0], .gray8,
          [0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 255, 0, 255, 255]
        ),
        (Array("P5 2 2 255\n".utf8) + [1, 2, 3, 4], .gray8, [1, 2, 3, 4]),
        (Array("P6 1 1 255\n".utf8) + [9, 8, 7], .rgb8, [9, 8, 7]),
        (
          Array("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n".utf8) + [5, 6],
          .grayAlpha8, [5, 6]
        ),
        (
          Array("P7\n# c\nDEPTH 4\nWIDTH 1\nMAXVAL 255\nHEIGHT 1\nENDHDR\n".utf8) + [5, 6, 7, 8], .rgba8, [5, 6, 7, 8]
        ),
        // Samples of 16 bits have the most significant byte first in the file, and the machine's order in memory.
        (Array("P5 1 1 65535\n".utf8) + [0x12, 0x34], .gray16, [0x34, 0x12]),
        (Array("P6 1 1 65535\n".utf8) + [0, 1, 0, 2, 0, 3], .rgba16, [1, 0, 2, 0, 3, 0, 255, 255]),
        (Array("P2 1 1 65535 4660".utf8), .gray16, [0x34, 0x12]),
      ]
      for one in cases {
        let bitmap = try Bitmap.decode(one.file, arena: arena)
        #expect(bitmap.format == one.format)
        #expect(try bitmap.takePacked() == one.pixels, "\(String(decoding: one.file, as: UTF8.self))")
      }
    }
  }

  @Test(
    "An encoded picture is decoded to the same pixels",
    arguments: [PixelFormat.gray8, .rgb8, .rgba8, .grayAlpha8, .gray16, .rgba16]
  )
  func roundTrip(format: PixelFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 13, height: 7, format: format, arena: arena) {
        UInt8(truncatingIfNeeded: $0 * 37)
      }
      defer { bitmap.dispose() }
      let variants: [NetpbmVariant] = format.hasAlpha ? [.binary] : [.binary, .plain]
      for variant in variants {
        let encoded = try bitmap.encodedNetpbm(variant, arena: arena)
        defer { encoded.dispose() }
        let decoded = try encoded.withBytes { try Bitmap(decoding: $0, arena: arena) }
        #expect(decoded.format == format && encoded.format == .netpbm)
        #expect(try decoded.takePacked() == bitmap.packed())
        let error = try bitmapError {
          try bitmap.encodedNetpbm(variant, maximumByteCount: encoded.byteCount - 1, arena: arena).dispose()
        }
        #expect(error.exceededLimit?.needed == encoded.byteCount)
      }
    }
  }

  @Test(
    "In plain files, transparent pixels are white, whatever the format is",
    arguments: PixelFormat.all.filter(\.hasAlpha))
  func transparency(format: PixelFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 2, height: 1, format: format, arena: arena) { _ in 0 }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedNetpbm(.plain, arena: arena)
      defer { encoded.dispose() }
      let words = String(decoding: try encoded.copied(), as: UTF8.self).split(whereSeparator: \.isWhitespace)
      // These follow "P2" or "P3", the width and the height: the greatest sample, and then the samples.
      #expect(words.count >= 6 && Set(words.dropFirst(3)).count == 1)
    }
  }

  @Test("In plain files, half-transparent pixels of 16 bits are laid on white")
  func halfTransparency() throws {
    try withOwnArena { arena in
      let samples: [UInt16] = [0, 65_535, 1_000, 32_768]
      let bitmap = try Bitmap.make(width: 1, height: 1, format: .rgba16, arena: arena) {
        UInt8(truncatingIfNeeded: samples[$0 / 2] >> UInt16($0 % 2 * 8))
      }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedNetpbm(.plain, arena: arena)
      defer { encoded.dispose() }
      let words = String(decoding: try encoded.copied(), as: UTF8.self).split(whereSeparator: \.isWhitespace)
      #expect(words == ["P3", "1", "1", "65535", "32767", "65535", "33267"])
    }
  }

  @Test("Bitmaps with one bit for each pixel are encoded and decoded", arguments: [NetpbmVariant.bitmap, .plainBitmap])
  func bits(variant: NetpbmVariant) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 77, height: 5, format: .gray8, arena: arena) {
        UInt8(truncatingIfNeeded: $0 * 53)
      }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedNetpbm(variant, arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { try Bitmap(decoding: $0, arena: arena) }
      #expect(try decoded.takePacked() == bitmap.packed().map { $0 < 128 ? 0 : 255 })
    }
  }

  @Test(
    "A hostile header gives an error with a reason, and allocates no memory",
    arguments: [
      ("P5 99999999999999999999 1 255\n", BitmapError.Code.corrupt), ("P5 0 1 255\n", .corrupt),
      ("P5 1 1 0\n ", .corrupt), ("P5 1 1 65536\n  ", .corrupt), ("P5 2147483647 2147483647 65535\n", .limitExceeded),
      ("P5 60000 2000 255\n", .truncated), ("P1 60000 2000\n1", .truncated), ("P2 2 1 9\n3 10 ", .corrupt),
      ("P5 x 1 255\n", .corrupt), ("P5 -1 1 255\n", .corrupt), ("P5 1", .truncated), ("P5\n#", .truncated),
      ("P7\nWIDTH 1\nENDHDR\n", .corrupt), ("P7\nWIDTH 1", .truncated),
      ("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n12345", .unsupported),
      ("P7\nWIDTH 99999999999\nENDHDR\n", .corrupt), ("P1 2 1\n1 2", .corrupt), ("P2 3 1 9\n1 2    ", .truncated),
    ])
  func hostile(text: String, code: BitmapError.Code) throws {
    try withOwnArena { arena in
      let error = try bitmapError { try Bitmap.decode(Array(text.utf8), arena: arena).dispose() }
      #expect(error.code == code && error.format == .netpbm && !error.reason.isEmpty, "\(error)")
    }
  }
}
