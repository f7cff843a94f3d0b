// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Crops and tiles")
struct CroppingTests {
  /// The pixels of a rectangle, by bytes.
  static func part(_ pixels: [UInt8], _ width: Int, _ format: PixelFormat, _ rect: PixelRect) -> [UInt8] {
    (rect.y..<rect.y + rect.height).flatMap { y in
      let start = (y * width + rect.x) * format.bytesPerPixel
      return Array(pixels[start..<start + rect.width * format.bytesPerPixel])
    }
  }

  static let rects = [
    PixelRect(x: 0, y: 0, width: 40, height: 30), PixelRect(x: 39, y: 29, width: 1, height: 1),
    PixelRect(x: 3, y: 5, width: 17, height: 11), PixelRect(x: 0, y: 29, width: 40, height: 1),
  ]

  @Test("A crop has the pixels of its rectangle, and copies nothing", arguments: PixelFormat.all)
  func cropping(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 81)
      let whole = try FormatConversionTests.picture(
        width: 40, height: 30, format: format, arena: arena, using: &generator)
      let pixels = try whole.packed()
      for rect in Self.rects {
        let crop = try whole.cropped(to: rect)
        #expect(crop.pixels === whole.pixels && crop.width == rect.width && crop.height == rect.height)
        let expected = Self.part(pixels, 40, format, rect)
        #expect(try crop.packed() == expected, "\(rect)")
        let copy = try crop.copied(arena: arena)
        #expect(copy.pixels !== whole.pixels && copy.bytesPerRow % 64 == 0)
        #expect(try copy.takePacked() == expected)
        let inner = try crop.cropped(to: PixelRect(x: rect.width - 1, y: rect.height - 1, width: 1, height: 1))
        #expect(try inner.packed() == Array(expected.suffix(format.bytesPerPixel)))
      }
      whole.dispose()
    }
  }

  @Test("Every operation on a crop gives the same result as on a copy of the crop", arguments: PixelFormat.all)
  func operations(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 82)
      let whole = try FormatConversionTests.picture(
        width: 40, height: 30, format: format, arena: arena, using: &generator)
      defer { whole.dispose() }
      let crop = try whole.cropped(to: PixelRect(x: 3, y: 5, width: 17, height: 11))
      let copy = try crop.copied(arena: arena)
      defer { copy.dispose() }
      func same(_ operation: (Bitmap) throws -> Bitmap) throws {
        #expect(try operation(crop).takePacked() == operation(copy).takePacked())
      }
      try same { try $0.oriented(.rotated90, arena: arena) }
      for other in PixelFormat.all { try same { try $0.converted(to: other, arena: arena) } }
      #expect(try crop.difference(from: copy).maximum == 0)
      try same { try $0.resized(toWidth: 9, height: 20, arena: arena) }
      try same { try $0.blurred(sigma: 2, arena: arena) }
      try same { try $0.boxBlurred(radius: 2, arena: arena) }
      if format.channel == .uint8 {
        let (a, b) = (try crop.encodedPNG(arena: arena), try copy.encodedPNG(arena: arena))
        #expect(
          try a.withBytes { unsafe $0.withUnsafeBytes { unsafe Array($0) } }
            == b.withBytes { unsafe $0.withUnsafeBytes { unsafe Array($0) } })
        a.dispose()
        b.dispose()
      }
    }
  }

  @Test("A change of a crop does not change the whole picture, and the other way round")
  func changing() throws {
    try withOwnArena { arena in
      var whole = try Bitmap.make(width: 4, height: 3, format: .gray8, arena: arena) { UInt8($0) }
      var crop = try whole.cropped(to: PixelRect(x: 1, y: 1, width: 2, height: 2))
      let other = crop
      try crop.withMutablePixels(as: Gray8.self) { $0[0, 0] = Gray8(100) }
      #expect(crop.pixels.byteCount == 128)
      try whole.withMutablePixels(as: Gray8.self) { $0[2, 2] = Gray8(200) }
      #expect(try crop.packed() == [100, 6, 9, 10])
      #expect(try other.packed() == [5, 6, 9, 10])
      #expect(try whole.packed() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200, 11])
      for bitmap in [whole, crop, other] { bitmap.dispose() }
    }
  }

  @Test("A crop can be used after the original value is gone, and is then changed in place")
  func outliving() throws {
    try withOwnArena { arena in
      func make() throws -> Bitmap {
        try Bitmap.make(width: 4, height: 3, format: .gray8, arena: arena) { UInt8($0) }
          .cropped(to: PixelRect(x: 1, y: 1, width: 2, height: 2))
      }
      var crop = try make()
      let buffer = ObjectIdentifier(crop.pixels)
      try crop.withMutableRows { $0[1, 1] = 77 }
      #expect(ObjectIdentifier(crop.pixels) == buffer)
      #expect(try crop.takePacked() == [5, 6, 9, 77])
    }
  }

  @Test("If a crop is disposed, the whole picture is disposed, and the other way round")
  func disposing() throws {
    try withOwnArena { arena in
      for disposesCrop in [true, false] {
        let whole = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
        let crop = try whole.cropped(to: PixelRect(x: 1, y: 1, width: 2, height: 2))
        if disposesCrop { crop.dispose() } else { whole.dispose() }
        #expect(crop.isDisposed && whole.isDisposed)
        #expect(try bitmapError { try crop.copied(arena: arena).dispose() }.code == .pixelsUnavailable)
      }
    }
  }

  @Test(
    "A rectangle that is not inside of the picture is refused",
    arguments: [
      (0, 0, 5, 3), (0, 0, 4, 4), (1, 0, 4, 3), (0, 1, 4, 3), (-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 0, 3), (0, 0, 4, 0),
      (4, 0, 1, 1), (0, 3, 1, 1), (2, 0, -1, 1), (Int.max, 0, 2, 2), (0, Int.max, 1, 1), (0, 0, Int.max, 1),
      (Int.min, 0, 1, 1), (0, 0, 1, Int.min),
    ])
  func outside(x: Int, y: Int, width: Int, height: Int) throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
      defer { bitmap.dispose() }
      let rect = PixelRect(x: x, y: y, width: width, height: height)
      let error = try bitmapError { _ = try bitmap.cropped(to: rect) }
      #expect(error.code == .invalidArgument && error.description.contains("\(rect)"))
      if width > 0, width < 100, height > 0 {
        let other = try Bitmap(width: width, height: height, format: .gray8, arena: arena)
        defer { other.dispose() }
        #expect(try bitmapError { try bitmap.replacePixels(atX: x, y: y, with: other) }.code == .invalidArgument)
      }
    }
  }

  @Test("Pixels can be replaced by those of another picture or of the same one", arguments: PixelFormat.all)
  func replacing(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 83)
      var whole = try FormatConversionTests.picture(
        width: 20, height: 10, format: format, arena: arena, using: &generator)
      let (before, old) = (try whole.packed(), whole)
      let part = try whole.cropped(to: PixelRect(x: 2, y: 1, width: 9, height: 6))
      try whole.replacePixels(atX: 5, y: 3, with: part)
      let after = try whole.packed()
      for y in 0..<10 {
        for x in 0..<20 {
          let inside = (5..<14).contains(x) && (3..<9).contains(y)
          let source = inside ? (y - 2) * 20 + x - 3 : y * 20 + x
          let size = format.bytesPerPixel
          #expect(
            after[(y * 20 + x) * size..<(y * 20 + x + 1) * size].elementsEqual(
              before[source * size..<(source + 1) * size]))
        }
      }
      #expect(try old.takePacked() == before)
      whole.dispose()
    }
  }

  @Test("Pixels of another format cannot replace pixels")
  func replacingFormats() throws {
    try withOwnArena { arena in
      var gray = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
      let rgb = try Bitmap(width: 4, height: 3, format: .rgb8, arena: arena)
      #expect(try bitmapError { try gray.replacePixels(atX: 0, y: 0, with: rgb) }.code == .invalidArgument)
      gray.dispose()
      rgb.dispose()
    }
  }

  @Test(
    "The tiles make up the whole picture, and each pixel is in one tile",
    arguments: [(40, 30), (1, 1), (7, 9), (64, 4), (100, 100), (Int.max, 1)])
  func tiles(width: Int, height: Int) throws {
    try withOwnArena { arena in
      let whole = try Bitmap.make(width: 40, height: 30, format: .rgb8, arena: arena) { UInt8(truncatingIfNeeded: $0) }
      let (pixels, tiles) = (try whole.packed(), try whole.tiles(width: width, height: height))
      #expect(tiles.count == tiles.columnCount * tiles.rowCount)
      var joined = try Bitmap(width: 40, height: 30, format: .rgb8, arena: arena)
      var seen = 0
      for tile in tiles {
        #expect(tile.rect.x == tile.column * min(width, 40) && tile.rect.y == tile.row * min(height, 30))
        #expect(tile.bitmap.pixels === whole.pixels)
        #expect(try tile.bitmap.packed() == Self.part(pixels, 40, .rgb8, tile.rect))
        try joined.replacePixels(atX: tile.rect.x, y: tile.rect.y, with: tile.bitmap)
        seen += tile.rect.width * tile.rect.height
      }
      #expect(seen == 40 * 30)
      #expect(try joined.takePacked() == pixels)
      whole.dispose()
    }
  }

  @Test("Tiles without pixels are refused", arguments: [(0, 1), (1, 0), (-3, 3)])
  func noTiles(width: Int, height: Int) throws {
    try withOwnArena { arena in
      let whole = try Bitmap(width: 4, height: 3, format: .gray8, arena: arena)
      defer { whole.dispose() }
      #expect(try bitmapError { _ = try whole.tiles(width: width, height: height) }.code == .invalidArgument)
    }
  }
}
