// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("Decoding into an existing bitmap")
struct DecodingInPlaceTests {
  private static func replace(
    _ bitmap: inout Bitmap, with file: [UInt8], appliesOrientation: Bool = true, limits: DecodingLimits = .default,
    arena: Arena
  ) throws {
    // SAFETY: an array of bytes is initialised throughout.
    try unsafe bitmap.replacePixels(
      decoding: file.span.bytes, appliesOrientation: appliesOrientation, limits: limits, arena: arena)
  }

  private static func file(_ format: PictureFormat, variant: Int, arena: Arena) throws -> [UInt8] {
    let drawn = try Bitmap.drawn(width: 50, height: 30, variant: variant, arena: arena)
    defer { drawn.dispose() }
    let encoded = try drawn.encoded(as: format, arena: arena)
    defer { encoded.dispose() }
    return try encoded.copied()
  }

  @Test(
    "Many frames are decoded into the same memory without any allocation", arguments: [PictureFormat.jpeg, .png, .webp])
  func frames(format: PictureFormat) throws {
    try withOwnArena { arena in
      let files = try (1...3).map { try Self.file(format, variant: $0, arena: arena) }
      let expected = try files.map { try Bitmap.decode($0, format: .rgba8, arena: arena).takePacked() }
      var frame = try Bitmap(width: 50, height: 30, format: .rgba8, arena: arena)
      defer { frame.dispose() }
      let address = try unsafe frame.withUnsafePixels { base, _ in UInt(bitPattern: base) }
      // Any allocation would fail, and the test would see the error.
      arena.failureCountdown.store(1, ordering: .relaxed)
      for (file, pixels) in zip(files, expected) {
        try Self.replace(&frame, with: file, arena: arena)
        #expect(try frame.packed() == pixels)
      }
      arena.failureCountdown.store(0, ordering: .relaxed)
      let last = try unsafe frame.withUnsafePixels { base, _ in UInt(bitPattern: base) }
      #expect(last == address)
    }
  }

  @Test(
    "Any format and any orientation can be decoded in place, and copies do not see the change",
    arguments: PixelFormat.all)
  func formats(format: PixelFormat) throws {
    try withOwnArena { arena in
      for picture in [PictureFormat.jpeg, .png, .webp, .netpbm] {
        let file = try Self.file(picture, variant: 2, arena: arena)
        var bitmap = try Bitmap(width: 50, height: 30, format: format, arena: arena)
        let copy = bitmap
        try Self.replace(&bitmap, with: file, arena: arena)
        let decoded = try Bitmap.decode(file, format: format, arena: arena)
        #expect(try bitmap.takePacked() == decoded.takePacked() && bitmap.colorProfile == decoded.colorProfile)
        #expect(try copy.takePacked().allSatisfy { $0 == 0 })
      }
      let plain = try Self.file(.jpeg, variant: 2, arena: arena)
      let turned = OrientationTests.jpeg(plain, exif: OrientationTests.exif(6, isLittle: false))
      var upright = try Bitmap(width: 30, height: 50, format: format, arena: arena)
      try Self.replace(&upright, with: turned, arena: arena)
      #expect(
        try upright.takePacked() == Bitmap.decode(turned, format: format, arena: arena).takePacked())
      var asStored = try Bitmap(width: 50, height: 30, format: format, arena: arena)
      try Self.replace(&asStored, with: turned, appliesOrientation: false, arena: arena)
      #expect(try asStored.takePacked() == Bitmap.decode(plain, format: format, arena: arena).takePacked())
    }
  }

  @Test("If a picture is decoded into memory of other code, the bytes between the rows do not change")
  func foreign() throws {
    try withOwnArena { arena in
      for picture in [PictureFormat.jpeg, .png, .webp] {
        let file = try Self.file(picture, variant: 1, arena: arena)
        let bytesPerRow = 50 * 4 + 20
        let base = try unsafe ForeignPixelTests.memory(bytesPerRow * 30)
        unsafe memset(base, 0xA5, bytesPerRow * 30)
        var bitmap = try unsafe Bitmap(
          unsafeWrapping: base, width: 50, height: 30, bytesPerRow: bytesPerRow, format: .rgba8
        ) { unsafe free($0) }
        try Self.replace(&bitmap, with: file, arena: arena)
        for y in 0..<30 {
          for x in 200..<bytesPerRow {
            let byte = unsafe (base + y * bytesPerRow + x).load(as: UInt8.self)
            #expect(byte == 0xA5, "\(picture) \(x) \(y)")
          }
        }
        #expect(try bitmap.takePacked() == Bitmap.decode(file, format: .rgba8, arena: arena).takePacked())
      }
    }
  }

  @Test("Another size, an exceeded limit or a cut file gives an error, and the bitmap can still be used")
  func refused() throws {
    try withOwnArena { arena in
      let file = try Self.file(.png, variant: 1, arena: arena)
      var small = try Bitmap(width: 49, height: 30, format: .rgba8, arena: arena)
      defer { small.dispose() }
      let size = try bitmapError { try Self.replace(&small, with: file, arena: arena) }
      #expect(size.code == .invalidArgument && size.description.contains("50×30"))
      var bitmap = try Bitmap(width: 50, height: 30, format: .rgba8, arena: arena)
      defer { bitmap.dispose() }
      let cut = try bitmapError { try Self.replace(&bitmap, with: Array(file.dropLast(200)), arena: arena) }
      #expect(cut.code == .truncated)
      var limits = DecodingLimits()
      limits.pixelByteCount = 100
      let limit = try bitmapError { try Self.replace(&bitmap, with: file, limits: limits, arena: arena) }
      #expect(limit.exceededLimit?.name == "pixelByteCount")
      try Self.replace(&bitmap, with: file, arena: arena)
      #expect(try bitmap.packed() == Bitmap.decode(file, format: .rgba8, arena: arena).takePacked())
    }
  }

  @Test("Rows with a distance of more than 2^31 bytes can be decoded and encoded")
  func farApart() throws {
    let bytesPerRow = (1 << 31) + 64
    for height in [1, 2] {
      let mapped = bytesPerRow * (height - 1) + 4096
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
      let base = unsafe try #require(mmap(nil, mapped, PROT_READ | PROT_WRITE, flags, -1, 0))
      #expect(unsafe base != MAP_FAILED)
      var bitmap = try unsafe Bitmap(
        unsafeWrapping: base, width: 20, height: height, bytesPerRow: bytesPerRow, format: .rgb8
      ) { unsafe munmap($0, mapped) }
      try withOwnArena { arena in
        let plain = try Bitmap.drawn(width: 20, height: height, variant: 1, arena: arena)
        defer { plain.dispose() }
        let source = try plain.encodedWebP(isLossless: true, arena: arena)
        defer { source.dispose() }
        try Self.replace(&bitmap, with: try source.copied(), arena: arena)
        #expect(try bitmap.packed() == plain.converted(to: .rgb8, arena: arena).takePacked())
        for encoding in [PictureEncoding.webP(isLossless: true), .webP(), .png(), .jpeg(), .netpbm()] {
          let near = try plain.converted(to: .rgb8, arena: arena)
          defer { near.dispose() }
          let (one, other) = try (
            bitmap.encoded(as: encoding, arena: arena), near.encoded(as: encoding, arena: arena)
          )
          #expect(try one.copied() == other.copied(), "\(encoding)")
          one.dispose()
          other.dispose()
        }
      }
      bitmap.dispose()
    }
  }
}
