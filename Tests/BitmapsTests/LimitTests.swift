// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("Limits")
struct LimitTests {
  @Test("Hostile dimensions are refused before anything is allocated")
  func dimensions() throws {
    try withOwnArena { arena in
      let bomb = PNGWriter(width: 60_000, height: 60_000, colorType: .rgba, rows: []).encoded()
      // Any allocation would fail, and the test would see the error.
      arena.failureCountdown.store(1, ordering: .relaxed)
      let error = try bitmapError { try Bitmap.decode(bomb, arena: arena).dispose() }
      arena.failureCountdown.store(0, ordering: .relaxed)
      #expect(error.code == .limitExceeded)
      #expect(
        error.exceededLimit
          == .init(name: "pixelCount", needed: 3_600_000_000, allowed: 536_870_912, unit: "pixels"))
      #expect(error.description.contains("3600000000 pixels") && error.description.contains("536870912"))
    }
  }

  @Test("An error names the side that exceeds its limit, whatever the other side is")
  func sides() throws {
    try withOwnArena { arena in
      let wide = PNGWriter(width: 2_000_000_000, height: 1, colorType: .gray, rows: []).encoded()
      let tall = PNGWriter(width: 1, height: 2_000_000_000, colorType: .gray, rows: []).encoded()
      for (file, name) in [(wide, "width"), (tall, "height")] {
        let error = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
        #expect(error.exceededLimit?.name == name)
        let extent = name == "width" ? "wide" : "high"
        #expect(error.description.contains(" is 2000000000 pixels \(extent); the limit `\(name)` is "), "\(error)")
      }
    }
  }

  @Test("A JPEG that declares huge dimensions is refused")
  func hugeJPEG() throws {
    try withOwnArena { arena in
      var file = try JPEGDecodingTests.drawnJPEG(width: 16, height: 16, arena: arena)
      let frame = try #require((0..<file.count - 1).first { file[$0] == 0xFF && file[$0 + 1] == 0xC0 })
      file.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0x00, 0xFF, 0x00])
      let error = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
      #expect(error.exceededLimit?.needed == 65_280 * 65_280)
    }
  }

  @Test("A tiny progressive JPEG of 20,000×20,000 is refused before anything is allocated, because of its coefficients")
  func coefficientBomb() throws {
    try withOwnArena { arena in
      let bytes = [UInt8](repeating: 1, count: 64)
      // The start, a quantisation table, a progressive frame of three components in 4:2:0, the first scan's header, and
      // no data.
      let file: [UInt8] =
        [0xFF, 0xD8, 0xFF, 0xDB, 0x00, 0x43, 0x00] + bytes
        + [0xFF, 0xC2, 0x00, 0x11, 0x08, 0x4E, 0x20, 0x4E, 0x20, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]
        + [0xFF, 0xDA, 0x00, 0x0C, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0]
      var limits = DecodingLimits()
      limits.workingMemoryByteCount = 256 << 20
      arena.failureCountdown.store(1, ordering: .relaxed)
      let error = try bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() }
      arena.failureCountdown.store(0, ordering: .relaxed)
      // 1,250×1,250 squares of 16×16 pixels, six 128-byte blocks in each.
      #expect(
        error.exceededLimit
          == .init(name: "workingMemoryByteCount", needed: 1250 * 1250 * 6 * 128, allowed: 256 << 20, unit: "bytes"))
      #expect(
        error.description.hasPrefix(
          "this progressive JPEG of 20000×20000 needs 1200000000 bytes (1.1 GiB) of coefficients; "
            + "the limit `workingMemoryByteCount` is 268435456 bytes (256.0 MiB)."), "\(error)")
    }
  }

  @Test("A picture that is exactly at the limit is decoded")
  func exact() throws {
    try withOwnArena { arena in
      let file = try JPEGDecodingTests.drawnJPEG(width: 30, height: 20, arena: arena)
      var limits = DecodingLimits()
      limits.width = 30
      limits.height = 20
      limits.pixelCount = 600
      limits.encodedByteCount = file.count
      try Bitmap.decode(file, limits: limits, arena: arena).dispose()
      for (name, path) in [
        ("width", \DecodingLimits.width), ("height", \.height), ("pixelCount", \.pixelCount),
        ("encodedByteCount", \.encodedByteCount),
      ] {
        var tighter = limits
        tighter[keyPath: path] -= 1
        let error = try bitmapError { try Bitmap.decode(file, limits: tighter, arena: arena).dispose() }
        #expect(error.code == .limitExceeded && error.exceededLimit?.name == name)
        #expect(error.exceededLimit?.needed == limits[keyPath: path])
      }
    }
  }

  @Test(
    "The working memory of a progressive JPEG is limited, and the error has both numbers",
    .enabled(if: Corpus.isPresent, Corpus.absence))
  func workingMemory() throws {
    try withOwnArena { arena in
      var limits = DecodingLimits()
      limits.workingMemoryByteCount = 10 << 20
      let path = Corpus.path("photos/seeding_by_Clements_Engelhardt.jpg")
      let error = try bitmapError {
        try Bitmap(decodingFileAt: path, minimumWidth: 256, limits: limits, arena: arena).dispose()
      }
      // 5312×2988 in 4:2:0: 332×187 blocks of 16×16 pixels, six 128-byte blocks of coefficients in each.
      #expect(
        error.exceededLimit
          == .init(name: "workingMemoryByteCount", needed: 332 * 187 * 6 * 128, allowed: 10 << 20, unit: "bytes"))
      #expect(error.path == path)
    }
  }

  @Test("The number of scans of a progressive JPEG is limited", .enabled(if: Corpus.isPresent, Corpus.absence))
  func scans() throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes("derived/rocket_progressive_420.jpg")
      var limits = DecodingLimits()
      limits.scanCount = 5
      let error = try bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() }
      #expect(error.exceededLimit == .init(name: "scanCount", needed: nil, allowed: 5, unit: "scans"))
      limits.scanCount = 20
      try Bitmap.decode(file, limits: limits, arena: arena).dispose()
    }
  }

  @Test("The working memory of libpng is limited, at whatever allocation it exceeds the limit")
  func pngWorkingMemory() throws {
    try withOwnArena { arena in
      let file = PNGWriter(
        width: 100, height: 2, colorType: .gray, rows: [[UInt8](repeating: 9, count: 100), [UInt8](1...100)]
      ).encoded()
      var limits = DecodingLimits()
      var refused = 0
      for byteCount in stride(from: 0, through: 65_536, by: 1024) {
        limits.workingMemoryByteCount = byteCount
        do {
          try Bitmap.decode(file, limits: limits, arena: arena).dispose()
        } catch let error as BitmapError {
          #expect(error.exceededLimit?.name == "workingMemoryByteCount", "\(error)")
          refused += 1
        }
        try arena.expectEmpty()
      }
      #expect(refused > 10 && refused < 64)
    }
  }

  @Test("The bytes of the resulting pixels are limited, in the larger one of both formats")
  func pixelBytes() throws {
    try withOwnArena { arena in
      let file = PNGWriter(
        width: 100, height: 2, colorType: .gray, rows: [[UInt8](repeating: 9, count: 100), [UInt8](1...100)]
      ).encoded()
      var limits = DecodingLimits()
      limits.pixelByteCount = 3200
      try Bitmap.decode(file, format: .rgbaF32, limits: limits, arena: arena).dispose()
      limits.pixelByteCount = 3199
      try Bitmap.decode(file, limits: limits, arena: arena).dispose()
      // Any allocation would fail, and the test would see the error.
      arena.failureCountdown.store(1, ordering: .relaxed)
      let error = try bitmapError {
        try Bitmap.decode(file, format: .rgbaF32, limits: limits, arena: arena).dispose()
      }
      arena.failureCountdown.store(0, ordering: .relaxed)
      #expect(error.exceededLimit == .init(name: "pixelByteCount", needed: 3200, allowed: 3199, unit: "bytes"))
      #expect(
        error.description.hasPrefix("this PNG of 100×2 needs 3200 bytes of pixels in rgbaF32; the limit"), "\(error)")
      // A JPEG that is made smaller while it is decoded is measured in its smaller size.
      let jpeg = try JPEGDecodingTests.drawnJPEG(width: 320, height: 64, arena: arena)
      limits.pixelByteCount = 8 * 128
      try Bitmap.decode(jpeg, minimumWidth: 40, limits: limits, arena: arena).dispose()
      let whole = try bitmapError { try Bitmap.decode(jpeg, limits: limits, arena: arena).dispose() }
      #expect(whole.exceededLimit?.needed == 960 * 64)
    }
  }

  @Test("A minimum width below 1 is refused for every format", arguments: [0, -1, Int.min])
  func leastWidth(width: Int) throws {
    try withOwnArena { arena in
      let jpeg = try JPEGDecodingTests.drawnJPEG(width: 32, height: 6, arena: arena)
      for file in [jpeg, OrientationTests.plainPNG, Array("P1 1 1 1".utf8)] {
        let error = try bitmapError { try Bitmap.decode(file, minimumWidth: width, arena: arena).dispose() }
        #expect(error.code == .invalidArgument && error.description.contains("\(width) pixels wide"), "\(error)")
      }
    }
  }
}
