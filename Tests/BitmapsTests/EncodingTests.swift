// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Encoding JPEG")
struct EncodingTests {
  /// Noise, which needs far more bytes a pixel than the first buffer has.
  static func noise(arena: Arena) throws -> Bitmap {
    var generator = SeededGenerator(seed: 3)
    return try Bitmap.make(width: 500, height: 300, format: .rgb8, arena: arena) { _ in
      UInt8.random(in: 0...255, using: &generator)
    }
  }

  @Test("A picture that does not fit into the first buffer is encoded, too")
  func large() throws {
    try withOwnArena { arena in
      let noise = try Self.noise(arena: arena)
      defer { noise.dispose() }
      let encoded = try noise.encodedJPEG(quality: 100, arena: arena)
      defer { encoded.dispose() }
      #expect(encoded.byteCount > 500 * 300 / 2 + 32_768 && encoded.format == .jpeg)
      _ = try encoded.withBytes { bytes in try Bitmap(decoding: bytes, arena: arena).dispose() }
    }
  }

  @Test("The size limit is exact, and the error has the size that is needed")
  func limit() throws {
    try withOwnArena { arena in
      let noise = try Self.noise(arena: arena)
      defer { noise.dispose() }
      let whole = try noise.encodedJPEG(quality: 50, arena: arena)
      whole.dispose()
      try noise.encodedJPEG(quality: 50, maximumByteCount: whole.byteCount, arena: arena).dispose()
      for maximum in [0, 1, 4096, whole.byteCount - 1] {
        let error = try bitmapError {
          try noise.encodedJPEG(quality: 50, maximumByteCount: maximum, arena: arena).dispose()
        }
        #expect(
          error.exceededLimit
            == .init(name: "maximumByteCount", needed: whole.byteCount, allowed: maximum, unit: "bytes"))
      }
    }
  }

  @Test("Pixels with alpha are laid on white")
  func alpha() throws {
    try withOwnArena { arena in
      let transparent = try Bitmap(width: 16, height: 16, format: .rgba8, arena: arena)
      defer { transparent.dispose() }
      let encoded = try transparent.encodedJPEG(arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { bytes in try Bitmap(decoding: bytes, arena: arena) }
      #expect(try decoded.takePacked().allSatisfy { $0 == 255 })
    }
  }

  @Test("A gray picture is encoded in gray")
  func gray() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 64, height: 4, format: .gray8, arena: arena) { UInt8($0 & 63) * 4 }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedJPEG(quality: 100, arena: arena)
      defer { encoded.dispose() }
      let decoded = try encoded.withBytes { bytes in try Bitmap(decoding: bytes, arena: arena) }
      #expect(decoded.format == .gray8)
      #expect(maximumDifference(try decoded.takePacked(), try bitmap.packed()) <= 3)
    }
  }

  @Test("A quality or size that makes no sense is refused", arguments: [0, -1, 101])
  func quality(quality: Int) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 8, height: 8, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      #expect(
        try bitmapError { try bitmap.encodedJPEG(quality: quality, arena: arena).dispose() }.code == .invalidArgument)
    }
  }

  @Test("A width or height that JPEG cannot store is refused")
  func side() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 70_000, height: 1, format: .gray8, arena: arena)
      defer { bitmap.dispose() }
      #expect(try bitmapError { try bitmap.encodedJPEG(arena: arena).dispose() }.code == .unsupported)
    }
  }

  @Test("A file is written as a whole, and replaces the old file")
  func writing() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let path = "\(folder)/picture.jpg"
        try Files.write([1, 2, 3], to: path)
        let bitmap = try Bitmap.drawn(width: 40, height: 30, arena: arena)
        defer { bitmap.dispose() }
        try bitmap.writeJPEG(toFileAt: path, arena: arena)
        #expect(Files.names(in: folder) == ["picture.jpg"])
        let decoded = try Bitmap(decodingFileAt: path, arena: arena)
        #expect(decoded.width == 40 && decoded.height == 30)
        decoded.dispose()
      }
    }
  }

  @Test("A file that cannot be written leaves no temporary file, and the error names the path")
  func notWritable() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let bitmap = try Bitmap(width: 8, height: 8, format: .rgb8, arena: arena)
        defer { bitmap.dispose() }
        try #require(unsafe mkdir("\(folder)/folder", 0o755) == 0)
        let tooLong = "\(folder)/\(String(repeating: "x", count: 300))"
        for path in ["\(folder)/folder", "\(folder)/missing/picture.jpg", "", "/proc/picture.jpg", tooLong] {
          let error = try bitmapError("\(path)") { try bitmap.writeJPEG(toFileAt: path, arena: arena) }
          #expect(error.code == .unwritableFile && error.path == path)
        }
        #expect(Files.names(in: folder) == ["folder"])
      }
    }
  }

  @Test("Encoding a disposed bitmap throws an error that names the line that created it")
  func disposed() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 8, height: 8, format: .rgb8, arena: arena)
      #expect(bitmap.dispose() && !bitmap.dispose() && bitmap.isDisposed)
      let error = try bitmapError { try bitmap.encodedJPEG(arena: arena).dispose() }
      #expect(error.code == .pixelsUnavailable && error.description.contains("EncodingTests.swift"))
      #expect(try bitmapError { try bitmap.withRow(0) { _ in } }.code == .pixelsUnavailable)
    }
  }
}
