// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Orientation")
struct OrientationTests {
  static let all = (1...8).compactMap(Orientation.init(exifValue:))

  /// EXIF says in words at which sides row 0 and column 0 of the stored picture are seen.
  static func reference(_ pixels: [UInt8], _ width: Int, _ height: Int, _ bytesPerPixel: Int, _ exifValue: Int)
    -> [UInt8]
  {
    let (newWidth, newHeight) = exifValue < 5 ? (width, height) : (height, width)
    var result = [UInt8](repeating: 0, count: pixels.count)
    for row in 0..<height {
      for column in 0..<width {
        let (x, y) =
          switch exifValue {
          case 2: (newWidth - 1 - column, row)  // row 0 at the top, column 0 at the right
          case 3: (newWidth - 1 - column, newHeight - 1 - row)  // bottom, right
          case 4: (column, newHeight - 1 - row)  // bottom, left
          case 5: (row, column)  // row 0 at the left, column 0 at the top
          case 6: (newWidth - 1 - row, column)  // right, top
          case 7: (newWidth - 1 - row, newHeight - 1 - column)  // right, bottom
          case 8: (row, newHeight - 1 - column)  // left, bottom
          default: (column, row)  // top, left
          }
        for i in 0..<bytesPerPixel {
          result[(y * newWidth + x) * bytesPerPixel + i] = pixels[(row * width + column) * bytesPerPixel + i]
        }
      }
    }
    return result
  }

  @Test("All flips and turns are as EXIF defines them", arguments: PixelFormat.all, all)
  func operations(format: PixelFormat, orientation: Orientation) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 21)
      for (width, height) in [(1, 1), (1, 9), (9, 1), (7, 5), (32, 32), (33, 70), (101, 67)] {
        let source = try ResizingTests.picture(
          width: width, height: height, format: format, arena: arena, using: &generator)
        defer { source.dispose() }
        let pixels = try source.packed()
        let result = try source.oriented(orientation, arena: arena)
        defer { result.dispose() }
        #expect(result.width == (orientation.swapsSides ? height : width))
        #expect(result.height == (orientation.swapsSides ? width : height))
        let expected = Self.reference(pixels, width, height, format.bytesPerPixel, orientation.exifValue)
        #expect(try result.packed() == expected, "\(width)×\(height)")
        #expect(try result.oriented(orientation.inverse, arena: arena).takePacked() == pixels)
      }
    }
  }

  /// A TIFF structure with only one other tag and the orientation.
  static func exif(_ value: Int, isLittle: Bool) -> [UInt8] {
    func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
      let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return isLittle ? bytes : bytes.reversed()
    }
    let start: [UInt8] = (isLittle ? [0x49, 0x49] : [0x4D, 0x4D]) + number(42, 2) + number(8, 4) + number(2, 2)
    let other = number(0x0100, 2) + number(4, 2) + number(1, 4) + number(77, 4)
    let entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(value, 2) + number(0, 2)
    return start + other + entry + number(0, 4)
  }

  static func jpeg(_ file: [UInt8], exif: [UInt8]) -> [UInt8] {
    let content = Array("Exif\0\0".utf8) + exif
    let length = content.count + 2
    return Array(file[..<2]) + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + content + file[2...]
  }

  static func png(_ file: [UInt8], exif: [UInt8]) -> [UInt8] {
    Array(file[..<33]) + PNGWriter.chunk("eXIf", exif) + file[33...]
  }

  /// A PNG of 5×3 pixels, all different.
  static let plainPNG = PNGWriter(
    width: 5, height: 3, colorType: .gray, rows: (0..<3).map { y in (0..<5).map { UInt8(10 * y + $0) } }
  ).encoded()

  @Test("A file is decoded upright, and its header tells how it is stored", arguments: all, [true, false])
  func files(orientation: Orientation, isLittle: Bool) throws {
    try withOwnArena { arena in
      let exif = Self.exif(orientation.exifValue, isLittle: isLittle)
      let plainJPEG = try JPEGDecodingTests.drawnJPEG(width: 40, height: 24, arena: arena)
      for (plain, file) in [
        (plainJPEG, Self.jpeg(plainJPEG, exif: exif)), (Self.plainPNG, Self.png(Self.plainPNG, exif: exif)),
      ] {
        // SAFETY: an array of bytes is initialised throughout.
        let info = try unsafe PictureInfo(probing: file.span.bytes)
        #expect(info.orientation == orientation)
        let stored = try Bitmap.decode(plain, arena: arena)
        defer { stored.dispose() }
        #expect(info.width == stored.width && info.height == stored.height)
        let upright = try Bitmap.decode(file, arena: arena)
        #expect(upright.width == info.uprightWidth && upright.height == info.uprightHeight)
        let expected = Self.reference(
          try stored.packed(), stored.width, stored.height, stored.format.bytesPerPixel, orientation.exifValue)
        #expect(try upright.takePacked() == expected)
        // SAFETY: as above.
        let asStored = try unsafe Bitmap(decoding: file.span.bytes, appliesOrientation: false, arena: arena)
        #expect(try asStored.takePacked() == stored.packed())
      }
    }
  }

  @Test("The width of a thumbnail is that of the upright picture")
  func thumbnail() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let plain = try JPEGDecodingTests.drawnJPEG(width: 400, height: 200, arena: arena)
        try Files.write(Self.jpeg(plain, exif: Self.exif(6, isLittle: false)), to: "\(folder)/turned.jpg")
        let thumbnail = try Bitmap(thumbnailOfFileAt: "\(folder)/turned.jpg", width: 100, arena: arena)
        #expect(thumbnail.width == 100 && thumbnail.height == 200)
        thumbnail.dispose()
        let shrunk = try Bitmap(decodingFileAt: "\(folder)/turned.jpg", minimumWidth: 100, arena: arena)
        #expect(shrunk.width == 100 && shrunk.height == 200)
        shrunk.dispose()
      }
    }
  }

  @Test("If EXIF data makes no sense, the picture is decoded as it is stored")
  func nonsense() throws {
    try withOwnArena { arena in
      let whole = Self.exif(6, isLittle: true)
      var variants = (0..<whole.count - 6).map { Array(whole[..<$0]) }
      for value in [0, 9, 255, 65_535] { variants.append(Self.exif(value, isLittle: false)) }
      for offset in [4, 5, 6, 7, 8, 9] {
        var changed = whole
        changed[offset] = 0xFF
        if offset > 7 { changed[22] = 0 }  // Declares more entries than there are, none of which is the orientation.
        variants.append(changed)
      }
      let plain = try Bitmap.decode(Self.plainPNG, arena: arena).takePacked()
      for variant in variants {
        #expect(try Bitmap.decode(Self.png(Self.plainPNG, exif: variant), arena: arena).takePacked() == plain)
      }
    }
  }

  @Test(
    "An orientation of any integer type is used, and if there are several numbers, the first one is used",
    arguments: [true, false])
  func variants(isLittle: Bool) {
    func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
      let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return isLittle ? bytes : bytes.reversed()
    }
    func read(type: Int, count: Int, _ value: [UInt8], behind: [UInt8] = []) -> Orientation? {
      let start: [UInt8] = (isLittle ? [0x49, 0x49] : [0x4D, 0x4D]) + number(42, 2) + number(8, 4) + number(1, 2)
      let exif = start + number(0x0112, 2) + number(type, 2) + number(count, 4) + value + number(0, 4) + behind
      // SAFETY: an array of bytes is initialised throughout.
      return unsafe ExifOrientation.read(in: BoundedReader(bytes: exif.span.bytes))
    }
    #expect(read(type: 3, count: 1, number(6, 2) + [0, 0]) == .rotated90)
    #expect(read(type: 4, count: 1, number(6, 4)) == .rotated90)
    #expect(read(type: 3, count: 2, number(6, 2) + number(3, 2)) == .rotated90)
    // These are too many numbers for the entry, so the entry has their place instead.
    #expect(read(type: 3, count: 3, number(26, 4), behind: number(6, 2) + number(3, 2) + number(1, 2)) == .rotated90)
    #expect(read(type: 4, count: 2, number(26, 4), behind: number(6, 4) + number(3, 4)) == .rotated90)
    // All of the numbers must be there.
    #expect(read(type: 3, count: 3, number(26, 4), behind: number(6, 2) + number(3, 2)) == nil)
    #expect(read(type: 4, count: 2, number(26, 4), behind: number(6, 4)) == nil)
    #expect(read(type: 4, count: 2, number(26, 4), behind: number(6, 2)) == nil)
    #expect(read(type: 4, count: 0xFFFF_FFFF, number(0xFFFF_FFFF, 4)) == nil)
    #expect(read(type: 3, count: 0, number(6, 2) + [0, 0]) == nil)
    #expect(read(type: 4, count: 1, number(0x1_0006, 4)) == nil)
    // Bytes count, because TIFF asks readers to accept them. Numbers with a sign count, because most readers accept
    // them.
    #expect(read(type: 1, count: 1, [6, 0, 0, 0]) == .rotated90)
    #expect(read(type: 6, count: 1, [6, 0, 0, 0]) == .rotated90)
    #expect(read(type: 8, count: 1, number(6, 2) + [0, 0]) == .rotated90)
    #expect(read(type: 9, count: 1, number(6, 4)) == .rotated90)
    #expect(read(type: 8, count: 1, number(0xFFFA, 2) + [0, 0]) == nil)
    // A text and a fraction are no orientation.
    #expect(read(type: 2, count: 2, [0x36, 0, 0, 0]) == nil)
    #expect(read(type: 5, count: 1, number(26, 4), behind: number(6, 4) + number(1, 4)) == nil)
    // Many programs write 0 if they do not know the orientation.
    #expect(read(type: 3, count: 1, [0, 0, 0, 0]) == .upright)
  }

  @Test("A segment that continues beyond the end of the file is ignored")
  func cut() throws {
    try withOwnArena { arena in
      let plain = try JPEGDecodingTests.drawnJPEG(width: 16, height: 16, arena: arena)
      let file = Self.jpeg(plain, exif: Self.exif(6, isLittle: true))
      for cut in 0..<80 {
        let part = Array(file[..<cut])
        var codec = JPEGCodec(limits: .default, isProbing: true)
        try unsafe part.withUnsafeBytes { bytes in
          while try unsafe codec.reachesMilestone(in: bytes, deadline: WorkDeadline()) {}
        }
        let orientation = codec.metadata.orientation ?? .upright
        #expect(orientation == (cut < 2 + 4 + 6 + 38 ? .upright : .rotated90), "\(cut)")
      }
    }
  }

  @Test("A photo with EXIF data is decoded upright", .enabled(if: Corpus.isPresent, Corpus.absence))
  func photo() throws {
    try withOwnArena { arena in
      let path = Corpus.path("derived/rocket_exif_orient6.jpg")
      let info = try PictureInfo(probingFileAt: path, arena: arena)
      #expect(info.orientation == .rotated90)
      let upright = try Bitmap(decodingFileAt: path, arena: arena)
      #expect(upright.width == info.height && upright.height == info.width)
      upright.dispose()
    }
  }
}
