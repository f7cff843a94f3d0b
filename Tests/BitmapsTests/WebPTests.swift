// SPDX-License-Identifier: Apache-2.0

import CImageCodecs
import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("WebP")
struct WebPTests {
  @Test(
    "Lossless encoding keeps every pixel, also the colours of transparent ones", arguments: [PixelFormat.rgb8, .rgba8])
  func lossless(format: PixelFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 67, height: 41, format: format, arena: arena) {
        UInt8(truncatingIfNeeded: $0 * 31 ^ $0 >> 5)
      }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedWebP(isLossless: true, arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { try Bitmap(decoding: $0, format: format, arena: arena) }
      #expect(encoded.format == .webp)
      #expect(try decoded.takePacked() == bitmap.packed())
    }
  }

  @Test("Lossy encoding is close, and smaller at lower quality, and gray is written as colours")
  func lossy() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 203, height: 117, variant: 3, arena: arena)
      defer { bitmap.dispose() }
      var sizes: [Int] = []
      for quality in [10, 95] {
        let encoded = try bitmap.encodedWebP(quality: quality, arena: arena)
        defer { encoded.dispose() }
        sizes.append(encoded.byteCount)
        let decoded = try encoded.withBytes { try Bitmap(decoding: $0, format: bitmap.format, arena: arena) }
        #expect(meanDifference(try decoded.takePacked(), try bitmap.packed()) < (quality == 95 ? 3 : 12))
      }
      #expect(sizes[0] < sizes[1])
      let gray = try bitmap.converted(to: .gray8, arena: arena)
      defer { gray.dispose() }
      let encoded = try gray.encodedWebP(quality: 95, arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { try Bitmap(decoding: $0, format: .gray8, arena: arena) }
      #expect(meanDifference(try decoded.takePacked(), try gray.packed()) < 3)
    }
  }

  @Test("The size limit is exact, and the error has the size that is needed")
  func limit() throws {
    try withOwnArena { arena in
      let noise = try EncodingTests.noise(arena: arena)
      defer { noise.dispose() }
      for isLossless in [false, true] {
        let whole = try noise.encodedWebP(isLossless: isLossless, arena: arena)
        whole.dispose()
        try noise.encodedWebP(isLossless: isLossless, maximumByteCount: whole.byteCount, arena: arena).dispose()
        for maximum in [0, 100, whole.byteCount - 1] {
          let error = try bitmapError {
            try noise.encodedWebP(isLossless: isLossless, maximumByteCount: maximum, arena: arena).dispose()
          }
          #expect(
            error.exceededLimit
              == .init(name: "maximumByteCount", needed: whole.byteCount, allowed: maximum, unit: "bytes"))
        }
      }
    }
  }

  /// A piece of data may hold nearly all pixels, so its decoding may take long.
  @Test("The decoder checks for cancellation before each piece of the data, and again when all pixels are there")
  func lastQuestion() throws {
    try withOwnArena { arena in
      let side = 256
      let bitmap = try Bitmap.make(width: side, height: side, format: .rgb8, arena: arena) { _ in 200 }
      let encoded = try bitmap.encodedWebP(isLossless: true, arena: arena)
      bitmap.dispose()
      let file = try encoded.copied()
      encoded.dispose()
      /// What the decoder found at each question: the last byte of the pixels.
      @safe struct Questions {
        let lastByte: UnsafeMutablePointer<UInt8>
        var found: [UInt8] = []
      }
      let rowByteCount = 3 * side
      let pixels = UnsafeMutablePointer<UInt8>.allocate(capacity: side * rowByteCount)
      defer { unsafe pixels.deallocate() }
      unsafe pixels.initialize(repeating: 0, count: side * rowByteCount)
      var questions = unsafe Questions(lastByte: pixels + (side * rowByteCount - 1))
      var report = cimage_report()
      let status = unsafe withUnsafeMutablePointer(to: &questions) { questions in
        let watch = unsafe cimage_watch(
          ask: { context in
            // SAFETY: the context is the variable above.
            guard let questions = unsafe context?.assumingMemoryBound(to: Questions.self) else { return CIMAGE_MISUSE }
            unsafe questions.pointee.found.append(questions.pointee.lastByte.pointee)
            return CIMAGE_OK
          }, context: questions)
        let rows = unsafe cimage_rows(
          base: pixels, bytes_per_row: rowByteCount, width: UInt32(side), height: UInt32(side), layout: CIMAGE_RGB8)
        return unsafe file.withUnsafeBytes {
          unsafe cimage_webp_decode($0.baseAddress, $0.count, watch, rows, &report)
        }
      }
      #expect(status == CIMAGE_OK)
      #expect(questions.found == [0, 200])
    }
  }

  @Test("If a smaller width is wanted, the picture is reduced while it is decoded, close to the area average")
  func shrinking() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 403, height: 301, variant: 3, arena: arena)
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedWebP(isLossless: true, arena: arena)
      defer { encoded.dispose() }
      let shrunk = try encoded.withBytes {
        try Bitmap(decoding: $0, format: bitmap.format, minimumWidth: 101, arena: arena)
      }
      #expect(shrunk.width == 101 && shrunk.height == 76)
      let average = try bitmap.resized(toWidth: 101, height: 76, arena: arena).takePacked()
      #expect(meanDifference(try shrunk.takePacked(), average) < 3)
    }
  }

  @Test(
    "The corpus's WebP files show the pictures that they were made from",
    .enabled(if: Corpus.isPresent, Corpus.absence),
    arguments: ["chelsea.webp", "chelsea_lossless.webp", "chelsea_alpha.webp"])
  func corpus(name: String) throws {
    try withOwnArena { arena in
      let path = Corpus.path("derived/\(name)")
      let info = try PictureInfo(probingFileAt: path, arena: arena)
      #expect(info.format == .webp && info.pixelFormat == (name.contains("alpha") ? .rgba8 : .rgb8))
      let bitmap = try Bitmap(decodingFileAt: path, arena: arena)
      #expect(bitmap.width == info.width && bitmap.height == info.height && bitmap.format == info.pixelFormat)
      defer { bitmap.dispose() }
      guard !name.contains("alpha") else { return }
      let original = try Bitmap(decodingFileAt: Corpus.path("photos/chelsea.png"), format: .rgb8, arena: arena)
      defer { original.dispose() }
      let sized = try original.resized(toWidth: bitmap.width, height: bitmap.height, arena: arena)
      #expect(meanDifference(try bitmap.packed(), try sized.takePacked()) < 6)
    }
  }

  @Test("A side larger than WebP's 16,383 is refused")
  func side() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 16_384, height: 1, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      #expect(try bitmapError { try bitmap.encodedWebP(arena: arena).dispose() }.code == .unsupported)
      #expect(
        try bitmapError { try bitmap.encodedWebP(quality: 101, arena: arena).dispose() }.code == .invalidArgument)
    }
  }
}
