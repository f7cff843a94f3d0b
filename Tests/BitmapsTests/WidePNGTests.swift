// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("PNG with 16 bits a channel")
struct WidePNGTests {
  private static let samples: [UInt16] = [0, 1, 128, 129, 0x1234, 0x7F80, 0x8000, 0xFF7E, 0xFFFF]
  private static let row = samples.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }

  private static func numbers(_ bytes: [UInt8]) -> [UInt16] {
    stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
  }

  @Test("A format of 16 bits keeps every sample")
  func decoding() throws {
    try withOwnArena { arena in
      let gray = PNGWriter(width: 9, height: 1, bitDepth: 16, colorType: .gray, rows: [Self.row]).encoded()
      let color = PNGWriter(width: 3, height: 1, bitDepth: 16, colorType: .rgb, rows: [Self.row]).encoded()
      let grays = Self.numbers(try Bitmap.decode(gray, format: .gray16, arena: arena).takePacked())
      #expect(grays == Self.samples)
      let expected = stride(from: 0, to: 9, by: 3).flatMap { Self.samples[$0..<$0 + 3] + [0xFFFF] }
      let colors = Self.numbers(try Bitmap.decode(color, format: .rgba16, arena: arena).takePacked())
      #expect(colors == expected)
      // 8 bits are scaled: 255 becomes 65,535.
      let narrow = PNGWriter(width: 3, height: 1, colorType: .gray, rows: [[0, 128, 255]]).encoded()
      let scaled = Self.numbers(try Bitmap.decode(narrow, format: .gray16, arena: arena).takePacked())
      #expect(scaled == [0, 128 * 257, 65_535])
    }
  }

  @Test("An encoded picture decodes to the same pixels", arguments: [PixelFormat.gray16, .rgba16])
  func roundTrip(format: PixelFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 23, height: 11, format: format, arena: arena) {
        UInt8(truncatingIfNeeded: $0 * 91)
      }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedPNG(arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { try Bitmap(decoding: $0, format: format, arena: arena) }
      #expect(try decoded.takePacked() == bitmap.packed())
    }
  }
}
