// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Views of pixels")
struct PixelViewTests {
  @Test("Every type of pixel has the size and the order of channels of its formats")
  func types() throws {
    func check<Pixel: BitmapPixel>(_ type: Pixel.Type) {
      for format in type.formats {
        #expect(MemoryLayout<Pixel>.stride == format.bytesPerPixel && MemoryLayout<Pixel>.size == format.bytesPerPixel)
        #expect(MemoryLayout<Pixel>.alignment == format.bytesPerChannel)
      }
    }
    check(Gray8.self)
    check(GrayAlpha8.self)
    check(RGB8.self)
    check(RGBA8.self)
    check(BGRA8.self)
    check(Gray16.self)
    check(RGBA16.self)
    check(GrayF32.self)
    check(RGBAF32.self)
    let named = [Gray8.formats, GrayAlpha8.formats, RGB8.formats, RGBA8.formats, BGRA8.formats, Gray16.formats]
    let all = named + [RGBA16.formats, GrayF32.formats, RGBAF32.formats]
    #expect(all.flatMap { Array($0) }.count == PixelFormat.all.count)
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 1, height: 1, format: .bgra8, arena: arena)
      try bitmap.withMutablePixels(as: BGRA8.self) { $0[0, 0] = BGRA8(red: 1, green: 2, blue: 3, alpha: 4) }
      #expect(try bitmap.takePacked() == [3, 2, 1, 4])
    }
  }

  @Test("Pixels that were written through a view can be read as rows and as bytes")
  func reading() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 70, height: 5, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      try bitmap.withMutablePixels(as: RGB8.self) { rows in
        #expect(rows.width == 70 && rows.rows == 0..<5)
        for y in rows.rows {
          for x in 0..<rows.width { rows[x, y] = RGB8(red: UInt8(x), green: UInt8(y), blue: 7) }
        }
        rows[69, 4] = RGB8(red: 1, green: 2, blue: 3)
        #expect(rows[69, 4].blue == 3 && rows[4][68].red == 68)
      }
      try bitmap.withPixels(as: RGB8.self) { rows in
        #expect(rows[3][2] == RGB8(red: 2, green: 3, blue: 7) && rows[69, 4] == RGB8(red: 1, green: 2, blue: 3))
        let count = rows[0].count
        #expect(count == 70)
      }
      try bitmap.withRows { rows in
        #expect(rows.width == 210 && rows[3, 1] == 1 && rows[4, 1] == 1 && rows[209, 4] == 3)
      }
      try bitmap.withMutableRows { rows in rows[0, 0] = 99 }
      #expect(try bitmap.packed()[0] == 99)
    }
  }

  @Test("Pixels of 16 bits and of floats have their own views")
  func wide() throws {
    try withOwnArena { arena in
      var deep = try Bitmap(width: 3, height: 2, format: .rgba16, arena: arena)
      try deep.withMutablePixels(as: RGBA16.self) { rows in
        rows[2, 1] = RGBA16(red: 256, green: 257, blue: 65_535)
      }
      let float = try deep.converted(to: .rgbaF32, arena: arena)
      try float.withPixels(as: RGBAF32.self) { rows in
        #expect(rows[2, 1] == RGBAF32(red: 256 / 65_535, green: 257 / 65_535, blue: 1))
        #expect(rows[0, 0].alpha == 0)
      }
      deep.dispose()
      float.dispose()
    }
  }

  /// A type that says it is for formats for which it is wrong.
  struct Wrong: BitmapPixel {
    var value: UInt16
    static let formats: Set<PixelFormat> = [.gray8, .grayAlpha8, .gray16]
    static var bitPatterns: AnyBitPattern<Wrong> { unsafe AnyBitPattern(unsafePromisedFor: Wrong.self) }
  }

  @Test("If a pixel type does not belong to the format, it is refused before anything is changed")
  func wrongTypes() throws {
    try withOwnArena { arena in
      for format in PixelFormat.all {
        var bitmap = try Bitmap(width: 2, height: 2, format: format, arena: arena)
        defer { bitmap.dispose() }
        if !RGBA8.formats.contains(format) {
          #expect(try bitmapError { try bitmap.withPixels(as: RGBA8.self) { _ in } }.code == .invalidArgument)
          let error = try bitmapError { try bitmap.withMutablePixels(as: RGBA8.self) { _ in } }
          #expect(error.code == .invalidArgument && error.description.contains("\(format)"))
          #expect(try bitmapError { try bitmap.withMutableRowBands(as: RGBA8.self) { _ in } }.code == .invalidArgument)
        }
        // The size or the alignment is wrong, although the type says that it is for this format.
        if format != .gray16 {
          #expect(try bitmapError { try bitmap.withPixels(as: Wrong.self) { _ in } }.code == .invalidArgument)
        }
      }
    }
  }

  @Test("A change through a view does not change copies")
  func copying() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 2, height: 2, format: .gray8, arena: arena)
      let copy = bitmap
      try bitmap.withMutablePixels(as: Gray8.self) { $0[0, 0] = Gray8(1) }
      let second = bitmap
      try bitmap.withMutableRows { $0[1, 0] = 2 }
      let third = bitmap
      try unsafe bitmap.withUnsafeMutablePixels { base, bytesPerRow in
        unsafe (base + bytesPerRow).storeBytes(of: 3, as: UInt8.self)
      }
      let fourth = bitmap
      try bitmap.withMutableRowBands(as: Gray8.self, jobs: 2, rowCount: 1) { $0[1, $0.rows.lowerBound] = Gray8(4) }
      #expect(try copy.takePacked() == [0, 0, 0, 0])
      #expect(try second.takePacked() == [1, 0, 0, 0])
      #expect(try third.takePacked() == [1, 2, 0, 0])
      #expect(try fourth.takePacked() == [1, 2, 3, 0])
      #expect(try bitmap.takePacked() == [1, 4, 3, 4])
    }
  }

  @Test("A column or row outside of the picture stops the program")
  func outside() async {
    await #expect(processExitsWith: .failure) {
      var bitmap = try Bitmap(width: 2, height: 2, format: .gray8)
      try bitmap.withMutablePixels(as: Gray8.self) { $0[2, 0] = Gray8(1) }
    }
    await #expect(processExitsWith: .failure) {
      let bitmap = try Bitmap(width: 2, height: 2, format: .gray8)
      try bitmap.withPixels(as: Gray8.self) { _ = $0[0, 2] }
    }
    await #expect(processExitsWith: .failure) {
      var bitmap = try Bitmap(width: 2, height: 9, format: .gray8)
      try bitmap.withMutableRowBands(as: Gray8.self, jobs: 1, rowCount: 3) { $0[0, 8 - $0.rows.lowerBound] = Gray8(1) }
    }
  }

  @Test("C code gets rows by address and distance, and can write them in place")
  func unsafeRows() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap.make(width: 5, height: 3, format: .gray8, arena: arena) { UInt8($0) }
      defer { bitmap.dispose() }
      let sum = try unsafe bitmap.withUnsafePixels { base, bytesPerRow in
        #expect(bytesPerRow == 64 && UInt(bitPattern: base) % 64 == 0)
        return unsafe (base + bytesPerRow).load(as: UInt8.self)
      }
      #expect(sum == 5)
      let part = try bitmap.cropped(to: PixelRect(x: 2, y: 1, width: 2, height: 2))
      try unsafe part.withUnsafePixels { base, bytesPerRow in
        #expect(unsafe bytesPerRow == 64 && base.load(as: UInt8.self) == 7)
      }
      part.dispose()
      bitmap = try Bitmap(width: 2, height: 2, format: .gray8, arena: arena)
      struct Own: Error {}
      #expect(throws: Own.self) { try unsafe bitmap.withUnsafePixels { _, _ in throw Own() } }
      #expect(throws: Own.self) { try unsafe bitmap.withUnsafeMutablePixels { _, _ in throw Own() } }
    }
  }
}
