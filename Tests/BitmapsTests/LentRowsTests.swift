// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Rows that closures get")
struct LentRowsTests {
  private struct Own: Error {}

  /// The program's message if a closure leaves other rows than those that it was lent.
  private static let message = "put another span into the place of the one that it was lent of the buffer created at"

  @Test("If a closure keeps its row, the program ends, and the message names the line of the bitmap")
  func row() async throws {
    for isThrowing in [false, true] {
      let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        [isThrowing = isThrowing as Bool] in
        var bitmap = try Bitmap(width: 4, height: 2, format: .gray8)
        var kept = MutableRawSpan()
        do {
          try bitmap.withMutableRow(1) { row in
            kept = row
            row = MutableRawSpan()
            if isThrowing { throw Own() }
          }
        } catch {}
        kept.storeBytes(of: 1, as: UInt8.self)
      }
      let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
      #expect(text.contains(Self.message) && text.contains("LentRowsTests.swift"), "\(text)")
    }
  }

  @Test("A closure that does not exchange its row can return or throw")
  func ordinary() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
      defer { bitmap.dispose() }
      try bitmap.withMutableRow(2) { $0.storeBytes(of: 5, toByteOffset: 3, as: UInt8.self) }
      #expect(throws: Own.self) { try bitmap.withMutableRow(0) { _ in throw Own() } }
      #expect(throws: Own.self) { try bitmap.withMutableRows { _ in throw Own() } }
      #expect(throws: Own.self) { try bitmap.withMutablePixels(as: Gray8.self) { _ in throw Own() } }
      #expect(throws: Own.self) { try bitmap.withMutableRowBands(as: Gray8.self) { _ in throw Own() } }
      let part = try bitmap.cropped(to: PixelRect(x: 1, y: 1, width: 2, height: 2))
      var copy = part
      try copy.withMutableRow(1) { #expect($0.byteCount == 2) }
      copy.dispose()
      #expect(try bitmap.packed().last == 5)
    }
  }

  @Test("The rows of a pin stay the same while the bitmap is changed, cropped and disposed")
  func pinning() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap.make(width: 5, height: 4, format: .rgb8, arena: arena) { UInt8($0) }
      let pin = try bitmap.pin()
      #expect(pin.width == 5 && pin.height == 4 && pin.format == .rgb8 && pin.bytesPerRow == 64)
      let part = try bitmap.cropped(to: PixelRect(x: 3, y: 1, width: 2, height: 3))
      let partPin = try part.pin()
      try bitmap.withMutableRow(0) { $0.storeBytes(of: 99, as: UInt8.self) }
      bitmap.dispose()
      part.dispose()
      let rows = pin.rows
      #expect(rows[0, 0] == 0 && rows[14, 3] == 59 && rows.width == 15 && rows.rows == 0..<4)
      let pixels = try partPin.pixels(as: RGB8.self)
      #expect(pixels[0, 0] == RGB8(red: 24, green: 25, blue: 26) && pixels[1, 2].blue == 59)
      #expect(throws: BitmapError.self) { _ = try partPin.pixels(as: RGBA8.self).width }
      #expect(throws: BitmapError.self) { _ = try part.pin().width }
    }
  }
}
