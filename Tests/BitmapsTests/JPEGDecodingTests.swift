// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("Decoding JPEG")
struct JPEGDecodingTests {
  /// A JPEG of a drawn picture, so that these tests need no corpus.
  static func drawnJPEG(width: Int, height: Int, quality: Int = 95, arena: Arena) throws -> [UInt8] {
    let drawn = try Bitmap.drawn(width: width, height: height, variant: 3, arena: arena)
    defer { drawn.dispose() }
    let encoded = try drawn.encodedJPEG(quality: quality, arena: arena)
    defer { encoded.dispose() }
    return try encoded.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
  }

  @Test("An encoded picture decodes to nearly the same pixels")
  func roundTrip() throws {
    try withOwnArena { arena in
      let drawn = try Bitmap.drawn(width: 203, height: 117, variant: 3, arena: arena).takePacked()
      let bitmap = try Bitmap.decode(Self.drawnJPEG(width: 203, height: 117, arena: arena), arena: arena)
      #expect(bitmap.width == 203 && bitmap.height == 117 && bitmap.format == .rgb8)
      #expect(bitmap.bytesPerRow % 64 == 0)
      #expect(meanDifference(try bitmap.takePacked(), drawn) < 3)
    }
  }

  @Test("All pixel formats show the same picture")
  func formats() throws {
    try withOwnArena { arena in
      let file = try Self.drawnJPEG(width: 61, height: 40, arena: arena)
      let rgb = try Bitmap.decode(file, format: .rgb8, arena: arena).takePacked()
      let rgba = try Bitmap.decode(file, format: .rgba8, arena: arena).takePacked()
      let gray = try Bitmap.decode(file, format: .gray8, arena: arena).takePacked()
      for i in 0..<61 * 40 {
        #expect(Array(rgba[4 * i..<4 * i + 4]) == Array(rgb[3 * i..<3 * i + 3]) + [255])
        let luma = 0.299 * Double(rgb[3 * i]) + 0.587 * Double(rgb[3 * i + 1]) + 0.114 * Double(rgb[3 * i + 2])
        // Gray is the file's own luma; the colours from which it was made may be outside of RGB.
        #expect(abs(Double(gray[i]) - luma) < 24)
      }
    }
  }

  @Test(
    "If a smaller width is wanted, the picture is halved while it is decoded",
    arguments: [
      (800, 800, 600), (401, 800, 600), (400, 400, 300), (200, 200, 150), (100, 100, 75), (10, 100, 75),
      (2000, 800, 600),
    ])
  func shrinking(minimumWidth: Int, width: Int, height: Int) throws {
    try withOwnArena { arena in
      let file = try Self.drawnJPEG(width: 800, height: 600, arena: arena)
      let bitmap = try Bitmap.decode(file, minimumWidth: minimumWidth, arena: arena)
      defer { bitmap.dispose() }
      #expect(bitmap.width == width && bitmap.height == height)
    }
  }

  @Test("A reduced picture is close to the area average of the whole one")
  func shrinkingQuality() throws {
    try withOwnArena { arena in
      let file = try Self.drawnJPEG(width: 640, height: 402, arena: arena)
      let whole = try Bitmap.decode(file, arena: arena)
      defer { whole.dispose() }
      let average = try whole.downscaled(toWidth: 160, height: 101, arena: arena).takePacked()
      let shrunk = try Bitmap.decode(file, minimumWidth: 160, arena: arena).takePacked()
      #expect(meanDifference(shrunk, average) < 3)
    }
  }

  @Test(
    "Gray, CMYK, progressive and 4:4:4 files show the picture that they were made from",
    .enabled(if: Corpus.isPresent, Corpus.absence),
    arguments: ["rocket_gray.jpg", "rocket_cmyk.jpg", "rocket_progressive_420.jpg", "rocket_444.jpg"])
  func kinds(name: String) throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes("derived/\(name)")
      let bitmap = try Bitmap.decode(file, arena: arena)
      #expect(bitmap.format == (name == "rocket_gray.jpg" ? .gray8 : .rgb8))
      let original = try Corpus.bytes("photos/rocket.jpg")
      for format in [bitmap.format, .gray8, .rgba8] {
        let expected = try Bitmap.decode(
          original, format: bitmap.format == .gray8 ? .gray8 : format, arena: arena
        ).takePacked()
        let actual = try Bitmap.decode(
          file, format: bitmap.format == .gray8 ? .gray8 : format, arena: arena
        ).takePacked()
        #expect(meanDifference(actual, expected) < 4)
      }
      bitmap.dispose()
    }
  }

  @Test("The information in a header is known without decoding", .enabled(if: Corpus.isPresent, Corpus.absence))
  func probing() throws {
    try withOwnArena { arena in
      let info = try PictureInfo(
        probingFileAt: Corpus.path("photos/seeding_by_Clements_Engelhardt.jpg"), arena: arena)
      #expect(info.format == .jpeg && info.width == 5312 && info.height == 2988)
      #expect(info.isProgressive && info.pixelFormat == .rgb8)
    }
  }

  @Test("Damaged pixel data is an error, and never gives a picture with invented parts")
  func damage() throws {
    try withOwnArena { arena in
      var file = try Self.drawnJPEG(width: 256, height: 256, arena: arena)
      // A marker in the middle of the entropy-coded data ends that data.
      let middle = file.count / 2
      file.replaceSubrange(middle..<middle + 2, with: [0xFF, 0xD9])
      let error = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
      #expect(error.code == .corrupt && error.format == .jpeg)
    }
  }

  @Test("Any number of bytes between segments is skipped, with a check for cancellation for each 64 KiB")
  func longHeader() throws {
    try withOwnArena { arena in
      let file = try Self.drawnJPEG(width: 30, height: 20, arena: arena)
      let pixels = try Bitmap.decode(file, arena: arena).takePacked()
      let segment = [0xFF, 0xEE, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 65_533)
      for filler in [
        [UInt8](repeating: 0xFF, count: 140_000), [UInt8](repeating: 7, count: 140_000), segment + segment,
      ] {
        let long = Array(file[..<20]) + filler + Array(file[20...])  // behind the first segment
        #expect(try Bitmap.decode(long, arena: arena).takePacked() == pixels)
        let asked = Atomic<Int>(0)
        let info = try WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) {
          try unsafe long.withUnsafeBytes { bytes in
            try unsafe JPEGCodec(limits: .default, isProbing: true).inspect(
              bytes, endsAtSize: false, deadline: WorkDeadline())
          }
        }
        #expect(info.width == 30 && asked.load(ordering: .relaxed) >= long.count / 65_537 - 1)
        var decoder = PictureDecoder(limits: .default, arena: arena)
        for start in stride(from: 0, to: long.count, by: 999) {
          try LateMetadataTests.append(long[start..<min(start + 999, long.count)], to: &decoder)
        }
        #expect(try decoder.finish().takePacked() == pixels)
      }
    }
  }

  @Test("If the whole header has arrived and is correct, libjpeg reads it once before the pixels")
  func headerReadOnce() throws {
    try withOwnArena { arena in
      let file = try Self.drawnJPEG(width: 30, height: 20, arena: arena)
      let segment = [0xFF, 0xEE, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 65_533)
      let long = Array(file[..<20]) + Array(repeating: segment, count: 40).joined() + file[20...]
      let asked = Atomic<Int>(0)
      let info = try WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) {
        try PictureInfo(probing: long)
      }
      // One question for each 64 KiB that libjpeg reads, and a few more.
      let count = asked.load(ordering: .relaxed)
      #expect(info.width == 30 && (40..<60).contains(count), "\(count)")
    }
  }

  @Test("A header without a height is legal but not supported, and a missing or too large width has its own error")
  func headers() throws {
    try withOwnArena { arena in
      let file = try Self.drawnJPEG(width: 30, height: 20, arena: arena)
      let frame = try #require((0..<file.count - 1).first { file[$0] == 0xFF && file[$0 + 1] == 0xC0 })
      func error(height: UInt16, width: UInt16, tail: [UInt8] = [0xFF, 0xD9]) throws -> BitmapError {
        var changed = file.dropLast(2) + tail
        changed.replaceSubrange(
          frame + 5..<frame + 9, with: [height, width].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] })
        let copy = Array(changed)
        let decoding = try bitmapError { try Bitmap.decode(copy, arena: arena).dispose() }
        // SAFETY: an array of bytes is initialised throughout.
        let probing = try bitmapError { _ = try unsafe PictureInfo(probing: copy.span.bytes) }
        #expect(decoding.description == probing.description)
        return decoding
      }
      let late = try error(height: 0, width: 30, tail: [0xFF, 0xDC, 0, 4, 0, 20, 0xFF, 0xD9])
      #expect(late.code == .unsupported && late.description.contains("DNL"), "\(late)")
      #expect(try error(height: 20, width: 0).code == .corrupt)
      let large = try error(height: 65_535, width: 65_535)
      #expect(large.code == .unsupported && large.description.contains("65500"), "\(large)")
      #expect(!large.description.contains("Crop") && !large.description.contains("bitmap"))
      let bitmap = try Bitmap(width: 65_501, height: 1, format: .gray8, arena: arena)
      defer { bitmap.dispose() }
      let writing = try bitmapError { try bitmap.encodedJPEG(arena: arena).dispose() }
      #expect(writing.code == .unsupported && writing.description.contains("Crop"), "\(writing)")
    }
  }
}
