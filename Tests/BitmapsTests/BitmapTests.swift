// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Bitmap")
struct BitmapTests {
  @Test("A new bitmap is black, and its rows are aligned to 64 bytes", arguments: PixelFormat.all)
  func new(format: PixelFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 65, height: 3, format: format, arena: arena)
      #expect(bitmap.bytesPerRow % 64 == 0 && bitmap.bytesPerRow >= 65 * format.bytesPerPixel)
      #expect(bitmap.pixels.byteCount == bitmap.bytesPerRow * 3)
      try unsafe bitmap.pixels.withUnsafeBytes { bytes in
        let address = UInt(bitPattern: bytes.baseAddress)
        #expect(address % 64 == 0)
      }
      #expect(try bitmap.takePacked().allSatisfy { $0 == 0 })
    }
  }

  @Test(
    "Sizes that make no sense, or that no memory can hold, are refused",
    arguments: [
      (0, 1), (1, 0), (-1, 5), (Int.max, 1), (Int.max / 4, 4), (1, Int.max), (1 << 40, 1 << 40),
    ])
  func nonsense(width: Int, height: Int) throws {
    try withOwnArena { arena in
      let error = try bitmapError {
        try Bitmap(width: width, height: height, format: .rgba8, arena: arena).dispose()
      }
      #expect(error.code == .invalidArgument)
    }
  }

  @Test("If there is not enough memory for the pixels, an error is thrown")
  func exhaustion() throws {
    try withOwnArena { arena in
      let error = try bitmapError {
        try Bitmap(width: 1 << 28, height: 1 << 28, format: .gray8, arena: arena).dispose()
      }
      #expect(error.code == .outOfMemory && error.underlyingError is NativeBufferError)
    }
  }

  @Test("Copies share the pixels, and are disposed together")
  func sharing() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 2, height: 2, format: .gray8, arena: arena)
      let copy = bitmap
      #expect(copy.pixels === bitmap.pixels)
      copy.dispose()
      #expect(bitmap.isDisposed)
    }
  }

  @Test("The pixels of a bitmap are recorded with the line that created it")
  func sites() throws {
    try withOwnArena { arena in
      let line = UInt(#line) + 1
      let drawn = try Bitmap.drawn(width: 20, height: 10, arena: arena)
      #expect("\(drawn.pixels.site)".contains("BitmapTests.swift:\(line)"))
      let downscaled = try drawn.downscaled(toWidth: 5, arena: arena)
      #expect("\(downscaled.pixels.site)".contains("BitmapTests.swift:\(line + 2)"))
      let converted = try drawn.converted(to: .gray8, arena: arena)
      #expect("\(converted.pixels.site)".contains("BitmapTests.swift:\(line + 4)"))
      for bitmap in [drawn, downscaled, converted] { bitmap.dispose() }
    }
  }

  @Test("A drawn picture is the same each time, and differs for another variant")
  func drawing() throws {
    try withOwnArena { arena in
      let first = try Bitmap.drawn(width: 160, height: 90, variant: 1, arena: arena).takePacked()
      let again = try Bitmap.drawn(width: 160, height: 90, variant: 1, arena: arena).takePacked()
      let other = try Bitmap.drawn(width: 160, height: 90, variant: 2, arena: arena).takePacked()
      #expect(first == again)
      #expect(meanDifference(first, other) > 10)
      for variant in [-1, Int.min, Int.max] {
        try Bitmap.drawn(width: 1, height: 7, variant: variant, arena: arena).dispose()
      }
    }
  }

  @Test("Converting to another format and back keeps what both formats can hold")
  func converting() throws {
    try withOwnArena { arena in
      let drawn = try Bitmap.drawn(width: 33, height: 9, arena: arena)
      defer { drawn.dispose() }
      let rgba = try drawn.converted(to: .rgba8, arena: arena)
      defer { rgba.dispose() }
      #expect(try rgba.converted(to: .rgb8, arena: arena).takePacked() == drawn.packed())
      let gray = try drawn.converted(to: .gray8, arena: arena)
      defer { gray.dispose() }
      let colored = try gray.converted(to: .rgb8, arena: arena)
      defer { colored.dispose() }
      #expect(try colored.converted(to: .gray8, arena: arena).takePacked() == gray.packed())
    }
  }

  @Test("A thumbnail has the wanted width, and no picture is enlarged")
  func thumbnails() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        try Files.write(JPEGDecodingTests.drawnJPEG(width: 500, height: 300, arena: arena), to: "\(folder)/a.jpg")
        let thumbnail = try Bitmap(thumbnailOfFileAt: "\(folder)/a.jpg", width: 100, arena: arena)
        #expect(thumbnail.width == 100 && thumbnail.height == 60)
        thumbnail.dispose()
        let whole = try Bitmap(thumbnailOfFileAt: "\(folder)/a.jpg", width: 1000, arena: arena)
        #expect(whole.width == 500 && whole.height == 300)
        whole.dispose()
        let error = try bitmapError {
          try Bitmap(thumbnailOfFileAt: "\(folder)/a.jpg", width: 0, arena: arena).dispose()
        }
        #expect(error.code == .invalidArgument && error.path == "\(folder)/a.jpg")
      }
    }
  }
}
