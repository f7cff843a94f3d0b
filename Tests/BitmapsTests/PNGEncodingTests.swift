// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Encoding PNG")
struct PNGEncodingTests {
  static func picture(width: Int, height: Int, format: PixelFormat, arena: Arena) throws -> Bitmap {
    var generator = SeededGenerator(seed: 41)
    return try ResizingTests.picture(width: width, height: height, format: format, arena: arena, using: &generator)
  }

  @Test("An encoded picture decodes to the same pixels", arguments: ResizingTests.formats, [0, 1, 6, 9])
  func roundTrip(format: PixelFormat, compression: Int) throws {
    try withOwnArena { arena in
      for (width, height) in [(1, 1), (1, 50), (50, 1), (17, 13), (64, 64), (301, 203)] {
        let source = try Self.picture(width: width, height: height, format: format, arena: arena)
        defer { source.dispose() }
        let encoded = try source.encodedPNG(compression: compression, arena: arena)
        defer { encoded.dispose() }
        #expect(encoded.format == .png && encoded.buffer.byteCount == encoded.byteCount)
        let decoded = try encoded.withBytes { bytes in try Bitmap(decoding: bytes, arena: arena) }
        #expect(decoded.width == width && decoded.height == height && decoded.format == format)
        #expect(try decoded.takePacked() == source.packed(), "\(width)×\(height)")
      }
    }
  }

  @Test("No picture needs more memory than its first buffer", arguments: ResizingTests.formats)
  func bound(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 42)
      for (width, height) in [(1, 1), (1, 3000), (3000, 1), (400, 300)] {
        let noise = try Bitmap.make(width: width, height: height, format: format, arena: arena) { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        defer { noise.dispose() }
        for compression in [0, 1, 9] {
          let encoded = try noise.encodedPNG(compression: compression, arena: arena)
          #expect(encoded.byteCount <= PNGEncoder.byteCountBound(of: noise))
          encoded.dispose()
        }
      }
    }
  }

  @Test("An encoded photo decodes to the same pixels", .enabled(if: Corpus.isPresent, Corpus.absence))
  func photo() throws {
    try withOwnArena { arena in
      let source = try Bitmap(decodingFileAt: Corpus.path("derived/chelsea_alpha_odd301x199.png"), arena: arena)
      defer { source.dispose() }
      let encoded = try source.encodedPNG(arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { bytes in try Bitmap(decoding: bytes, arena: arena) }
      #expect(try decoded.takePacked() == source.packed())
    }
  }

  @Test("The size limit is exact, and the error has the size that is needed")
  func limit() throws {
    try withOwnArena { arena in
      let source = try Self.picture(width: 200, height: 100, format: .rgb8, arena: arena)
      defer { source.dispose() }
      let whole = try source.encodedPNG(arena: arena)
      whole.dispose()
      try source.encodedPNG(maximumByteCount: whole.byteCount, arena: arena).dispose()
      for maximum in [0, 1, 4096, whole.byteCount - 1] {
        let error = try bitmapError { try source.encodedPNG(maximumByteCount: maximum, arena: arena).dispose() }
        #expect(
          error.exceededLimit
            == .init(name: "maximumByteCount", needed: whole.byteCount, allowed: maximum, unit: "bytes"))
      }
    }
  }

  @Test("A compression or size that makes no sense is refused", arguments: [(-1, 1), (10, 1), (6, -1)])
  func nonsense(compression: Int, maximumByteCount: Int) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 8, height: 8, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      let error = try bitmapError {
        try bitmap.encodedPNG(compression: compression, maximumByteCount: maximumByteCount, arena: arena).dispose()
      }
      #expect(error.code == .invalidArgument && error.format == .png)
    }
  }

  @Test("A side beyond libpng's default limit can be written and read")
  func wide() throws {
    try withOwnArena { arena in
      let wide = try Bitmap(width: 1_000_003, height: 1, format: .gray8, arena: arena)
      defer { wide.dispose() }
      let encoded = try wide.encodedPNG(arena: arena)
      defer { encoded.dispose() }
      var limits = DecodingLimits()
      limits.width = 2_000_000
      let decoded = try encoded.withBytes { bytes in try Bitmap(decoding: bytes, limits: limits, arena: arena) }
      #expect(decoded.width == 1_000_003)
      decoded.dispose()
    }
  }

  @Test("A file is written as a whole or not at all, and nothing else is left in its folder")
  func files() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let source = try Self.picture(width: 40, height: 30, format: .rgba8, arena: arena)
        let path = "\(folder)/picture.png"
        try Files.write([1, 2, 3], to: path)
        try source.writePNG(toFileAt: path, arena: arena)
        #expect(try Bitmap(decodingFileAt: path, arena: arena).takePacked() == source.packed())
        let error = try bitmapError { try source.writePNG(toFileAt: "\(folder)/missing/picture.png", arena: arena) }
        #expect(error.code == .unwritableFile && error.path == "\(folder)/missing/picture.png")
        source.dispose()
        let gone = try bitmapError { try source.writePNG(toFileAt: path, arena: arena) }
        #expect(gone.code == .pixelsUnavailable && gone.path == path)
        #expect(Files.names(in: folder) == ["picture.png"])
      }
    }
  }

  @Test(
    "After encoding, also if it failed, nothing is left on libpng's own heap",
    .enabled(if: MallocCapture.isAvailable, "needs jemalloc's malloc, as LD_PRELOAD=libjemalloc.so.2 gives it"))
  func codecHeap() throws {
    try withOwnArena { arena in
      let source = try Self.picture(width: 90, height: 70, format: .rgba8, arena: arena)
      defer { source.dispose() }
      for maximum in [Int.max, 0, 500, 9000] {
        func attempt() { _ = try? source.encodedPNG(maximumByteCount: maximum, arena: arena).dispose() }
        attempt()  // What Swift makes only once is made now.
        let remainder = try MallocCapture.run { attempt() }.remainder
        #expect(remainder.count == 0, "\(remainder.byteCount) bytes left with a limit of \(maximum)")
      }
    }
  }

  @Test("If any allocation fails, encoding throws and leaves nothing behind")
  func failingAllocations() throws {
    try withOwnArena { arena in
      let source = try Self.picture(width: 90, height: 70, format: .rgb8, arena: arena)
      let failures = try arena.failEachAllocation(remaining: 1) { try source.encodedPNG(arena: arena).dispose() }
      #expect(failures == 2, "a buffer for whatever comes, and one of the file's size")
      source.dispose()
    }
  }
}
