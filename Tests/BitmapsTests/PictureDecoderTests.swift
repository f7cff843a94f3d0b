// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Bytes that arrive in pieces")
struct PictureDecoderTests {
  private static func append(_ bytes: ArraySlice<UInt8>, to decoder: inout PictureDecoder) throws {
    let copy = Array(bytes)
    // SAFETY: an array of bytes is initialised throughout.
    try unsafe decoder.append(copy.span.bytes)
  }

  @Test(
    "Whatever the size of the pieces, the picture is the same, and its size is known early",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func pieces(format: PictureFormat) throws {
    try withOwnArena { arena in
      let drawn = try Bitmap.drawn(width: 120, height: 90, variant: 3, arena: arena)
      defer { drawn.dispose() }
      let encoded = try drawn.encoded(as: format, arena: arena)
      defer { encoded.dispose() }
      let file = try encoded.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
      let whole = try Bitmap.decode(file, arena: arena).takePacked()
      for size in [1, 7, 1000, file.count] {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        var known: Int?
        for start in stride(from: 0, to: file.count, by: size) {
          try Self.append(file[start..<min(start + size, file.count)], to: &decoder)
          if decoder.info != nil { known = known ?? decoder.byteCount }
        }
        let (count, width) = (decoder.byteCount, decoder.info?.width)
        #expect(count == file.count && width == 120)
        #expect((known ?? .max) <= max(size, 1024), "known after \(known ?? 0) bytes of \(file.count)")
        let pixels = try decoder.finish().takePacked()
        #expect(pixels == whole)
      }
    }
  }

  @Test("A hostile stream is refused at its header, and an endless one at the size limit")
  func hostile() throws {
    try withOwnArena { arena in
      let bomb = PNGWriter(width: 60_000, height: 60_000, colorType: .rgba, rows: [[0, 0, 0, 0]]).encoded()
      let error = try bitmapError {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        for byte in bomb.indices { try Self.append(bomb[byte...byte], to: &decoder) }
      }
      #expect(error.exceededLimit?.name == "pixelCount")
      let other = try bitmapError {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        try Self.append([UInt8](repeating: 7, count: 64)[...], to: &decoder)
      }
      #expect(other.code == .notAPicture)
      var limits = DecodingLimits()
      limits.encodedByteCount = 10_000
      let endless = try bitmapError {
        var decoder = PictureDecoder(limits: limits, arena: arena)
        try Self.append([0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF], to: &decoder)
        while true { try Self.append([UInt8](repeating: 0, count: 100)[...], to: &decoder) }
      }
      #expect(endless.exceededLimit?.name == "encodedByteCount" && endless.exceededLimit?.allowed == 10_000)
    }
  }

  @Test("If a header has two faults, the error is about the first one, as a whole and in pieces of any size")
  func twoFaults() throws {
    try withOwnArena { arena in
      var segments = JPEGSegments(try JPEGDecodingTests.drawnJPEG(width: 60, height: 40, arena: arena)).segments
      let frame = try #require(segments.firstIndex { $0.marker == 0xC0 })
      let table = try #require(segments[frame...].firstIndex { $0.marker == 0xC4 })
      // No table of codes has so many of them.
      segments[table].content.replaceSubrange(3..<19, with: repeatElement(255, count: 16))
      let file = [0xFF, 0xD8] + segments.flatMap(\.bytes)
      let damage = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
      #expect(damage.code == .corrupt)
      var limits = DecodingLimits()
      limits.width = 59
      let whole = try bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() }
      #expect(whole.exceededLimit?.name == "width")
      for size in [1, 7, file.count] {
        let error = try bitmapError {
          var decoder = PictureDecoder(limits: limits, arena: arena)
          for start in stride(from: 0, to: file.count, by: size) {
            try Self.append(file[start..<min(start + size, file.count)], to: &decoder)
          }
        }
        #expect(error.reason == whole.reason, "pieces of \(size) bytes")
      }
    }
  }

  @Test("A decoder that is dropped, or finished too early, leaves nothing behind")
  func abandoned() throws {
    try withOwnArena { arena in
      let file = try JPEGDecodingTests.drawnJPEG(width: 60, height: 40, arena: arena)
      do {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        try Self.append(file[..<100], to: &decoder)
      }
      try arena.expectEmpty()
      let error = try bitmapError {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        try Self.append(file[..<(file.count / 2)], to: &decoder)
        try decoder.finish().dispose()
      }
      #expect(error.code == .truncated)
      let empty = try bitmapError { _ = try PictureDecoder(arena: arena).finish() }
      #expect(empty.code == .notAPicture)
    }
  }

  @Test("Bytes of Foundation's Data can be decoded, and an encoded picture can become Data")
  func data() throws {
    try withOwnArena { arena in
      let file = Data(try JPEGDecodingTests.drawnJPEG(width: 60, height: 40, arena: arena))
      let bitmap = try Bitmap(decoding: file.bytes, arena: arena)
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedPNG(arena: arena)
      defer { encoded.dispose() }
      let copy = try encoded.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Data($0) } }
      let again = try Bitmap(decoding: copy.bytes, arena: arena)
      #expect(try again.takePacked() == bitmap.packed())
    }
  }
}
