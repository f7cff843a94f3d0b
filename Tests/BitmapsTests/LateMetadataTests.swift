// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Data beside the pixels that arrives late, or is cut off")
struct LateMetadataTests {
  static func append(_ bytes: ArraySlice<UInt8>, to decoder: inout PictureDecoder) throws {
    let copy = Array(bytes)
    // SAFETY: an array of bytes is initialised throughout.
    try unsafe decoder.append(copy.span.bytes)
  }

  /// A WebP of 40×24 with an extended header, and EXIF data at its end.
  static func webP(exif: [UInt8], arena: Arena) throws -> [UInt8] {
    var bitmap = try Bitmap.drawn(width: 40, height: 24, variant: 3, arena: arena)
    bitmap.colorProfile = try #require(ColorProfile(iccData: EmbeddedDataTests.icc(byteCount: 300, model: "RGB ")))
    defer { bitmap.dispose() }
    let encoded = try bitmap.encodedWebP(arena: arena)
    defer { encoded.dispose() }
    var file = try encoded.copied()
    file[20] |= 0x08
    file += Array("EXIF".utf8) + [UInt8(exif.count), 0, 0, 0] + exif + [UInt8](repeating: 0, count: exif.count % 2)
    for i in 0..<4 { file[4 + i] = UInt8(truncatingIfNeeded: (file.count - 8) >> (8 * i)) }
    return file
  }

  /// A PNG of 5×3 with a text behind its pixels.
  static func png(exif: [UInt8]) -> [UInt8] {
    let plain = OrientationTests.png(OrientationTests.plainPNG, exif: exif)
    return Array(plain.dropLast(12)) + PNGWriter.chunk("tEXt", [65, 0] + [UInt8](repeating: 66, count: 40))
      + plain.suffix(12)
  }

  @Test("If a file arrives byte by byte, its size is known early, and all else as soon as it has arrived")
  func pieces() throws {
    try withOwnArena { arena in
      let exif = OrientationTests.exif(6, isLittle: true)
      for file in [try Self.webP(exif: exif, arena: arena), Self.png(exif: exif)] {
        // SAFETY: an array of bytes is initialised throughout.
        let whole = try unsafe PictureInfo(probing: file.span.bytes)
        #expect(whole.orientation == .rotated90 && whole.exifByteCount == exif.count)
        for size in [1, 13, 64, file.count] {
          var decoder = PictureDecoder(limits: .default, arena: arena)
          var known: Int?
          for start in stride(from: 0, to: file.count, by: size) {
            try Self.append(file[start..<min(start + size, file.count)], to: &decoder)
            if let info = decoder.info {
              known = known ?? decoder.byteCount
              #expect(info.width == whole.width && info.height == whole.height)
            }
          }
          #expect(decoder.info == whole, "in pieces of \(size)")
          #expect((known ?? .max) <= max(size, 400))
          let bitmap = try decoder.finish()
          #expect(bitmap.width == whole.uprightWidth)
          bitmap.dispose()
        }
      }
    }
  }

  @Test(
    "The pixel format of a WebP does not change after it is known, whatever the file's first chunk says about alpha")
  func unflaggedAlpha() throws {
    try withOwnArena { arena in
      let files = try DamagedVariantTests.files(of: .webp)
      // Two are extended files with a chunk of alpha: one announces the alpha, and one does not.
      #expect(files.filter { $0[30..<34].elementsEqual("ALPH".utf8) }.map { $0[20] & 0x10 }.sorted() == [0, 0x10])
      for file in files {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        var known: PictureInfo?
        for i in file.indices {
          try Self.append(file[i...i], to: &decoder)
          let info = decoder.info
          #expect(known == nil || info?.pixelFormat == known?.pixelFormat, "\(i)")
          known = info
        }
        let bitmap = try decoder.finish()
        #expect(bitmap.format == known?.pixelFormat)
        bitmap.dispose()
      }
    }
  }

  @Test("An extended WebP that is too large is refused at its first chunk, before its profile has arrived")
  func hugeWebP() throws {
    try withOwnArena { arena in
      // The picture has 32,768 × 32,768 pixels, and 60,000 bytes of a profile are still to come.
      let file: [UInt8] =
        Array("RIFF".utf8) + [0, 0, 1, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 0x20, 0, 0, 0]
        + [0xFF, 0x7F, 0, 0xFF, 0x7F, 0] + Array("ICCP".utf8) + [0x60, 0xEA, 0, 0]
      let error = try bitmapError {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        for i in file.indices { try Self.append(file[i...i], to: &decoder) }
      }
      #expect(error.exceededLimit?.name == "pixelCount")
    }
  }

  @Test("If a file of a few bytes arrives byte by byte, its header is known with the header's last byte")
  func tiny() throws {
    try withOwnArena { arena in
      for (head, pixels) in [("P4 7 5\n", 5), ("P5\n7 5\n255\n", 35), ("P1\n1 1\n", 1)] {
        let file = Array(head.utf8) + [UInt8](repeating: 0x31, count: pixels)
        var decoder = PictureDecoder(limits: .default, arena: arena)
        for i in file.indices {
          try Self.append(file[i...i], to: &decoder)
          let isKnown = decoder.info != nil
          #expect(isKnown == (i + 1 >= head.utf8.count), "\(head) \(i)")
        }
      }
    }
  }

  @Test("More data beside the pixels than allowed is refused while it arrives")
  func limits() throws {
    try withOwnArena { arena in
      let file = Self.png(exif: OrientationTests.exif(6, isLittle: true))
      var limits = DecodingLimits()
      limits.embeddedByteCount = 10
      let error = try bitmapError {
        var decoder = PictureDecoder(limits: limits, arena: arena)
        for i in 0..<file.count - 12 { try Self.append(file[i...i], to: &decoder) }
      }
      #expect(error.exceededLimit?.name == "embeddedByteCount")
    }
  }

  @Test(
    "A WebP that is cut in its pixels is truncated; if it is cut behind them, a warning says that EXIF data is missing")
  func cutWebP() throws {
    try withOwnArena { arena in
      let file = try Self.webP(exif: OrientationTests.exif(6, isLittle: true), arena: arena)
      let pixelsEnd = try Self.webP(exif: [], arena: arena).count - 8
      let pixels = try Bitmap.decode(Array(file[..<pixelsEnd]), arena: arena).takePacked()
      for cut in 16..<file.count {
        let part = Array(file[..<cut])
        do {
          let bitmap = try Bitmap.decode(part, arena: arena)
          // libwebp does not need the last bytes, which only end its arithmetic coding.
          #expect(cut > pixelsEnd - 4, "cut to \(cut) of \(pixelsEnd)")
          #expect(bitmap.decodingWarnings.map(\.code) == [.missingEnd])
          #expect(bitmap.width == 40)
          #expect(try bitmap.takePacked() == pixels)
        } catch let error as BitmapError {
          #expect(error.code == .truncated && cut < pixelsEnd, "cut to \(cut): \(error)")
        }
      }
      let more = try Bitmap.decode(file + [1, 2, 3], arena: arena)
      #expect(more.width == 24)
      more.dispose()
      let plain = try Self.webP(exif: [], arena: arena)
      let chunk = Array("EXIF".utf8) + [50, 0, 0, 0] + OrientationTests.exif(6, isLittle: true)
      let behind = plain + chunk + [UInt8](repeating: 0, count: 50)
      let upright = try Bitmap.decode(behind, arena: arena)
      #expect(upright.width == 40)
      upright.dispose()
    }
  }

  @Test("A cut between the numbers of a plain Netpbm file is found, but a cut within the last number cannot be found")
  func cutNetpbm() throws {
    try withOwnArena { arena in
      let text = "P2 2 1 255\n10 200\n"
      let whole = Array(text.utf8)
      for cut in 4..<whole.count {
        let part = Array(whole[..<cut])
        if cut >= "P2 2 1 255\n10 2".utf8.count {
          let expected = UInt8(String(decoding: part.suffix(from: 14), as: UTF8.self)) ?? 0
          #expect(try Bitmap.decode(part, arena: arena).takePacked() == [10, expected])
        } else {
          let error = try bitmapError { try Bitmap.decode(part, arena: arena).dispose() }
          #expect(error.code == .truncated, "\(cut): \(error)")
        }
      }
    }
  }

  @Test(
    "The ICC data of a PNG takes only the memory that it needs, whatever the limit is",
    arguments: [300_000, 300_001, 8 << 30, Int.max])
  func profileLimits(limit: Int) throws {
    try withOwnArena { arena in
      let data = EmbeddedDataTests.icc(byteCount: 300_000, model: "RGB ")
      var bitmap = try Bitmap(width: 4, height: 3, format: .rgb8, arena: arena)
      bitmap.colorProfile = try #require(ColorProfile(iccData: data))
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedPNG(arena: arena)
      let file = try encoded.copied()
      encoded.dispose()
      // Noise does not compress, and the stored size is checked first. So the limit is set to that size, and what is
      // tested is the memory for the inflated data.
      var limits = DecodingLimits()
      limits.colorProfileByteCount = max(limit, file.count)
      let decoded = try Bitmap.decode(file, limits: limits, arena: arena)
      #expect(decoded.colorProfile.iccData == data)
      // The allocator rounds up to size classes, which differ by a quarter at most.
      #expect((decoded.colorProfile.iccData?.capacity ?? .max) < 375_000)
      decoded.dispose()
    }
  }

  @Test("ICC data that inflates to more than its limit is refused, exact to the byte")
  func inflatingProfile() throws {
    try withOwnArena { arena in
      var data = EmbeddedDataTests.icc(byteCount: 200_000, model: "RGB ")
      for i in 200..<data.count { data[i] = 0 }
      var bitmap = try Bitmap(width: 4, height: 3, format: .rgb8, arena: arena)
      bitmap.colorProfile = try #require(ColorProfile(iccData: data))
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedPNG(arena: arena)
      let file = try encoded.copied()
      encoded.dispose()
      #expect(file.count < 5000)
      var limits = DecodingLimits()
      for limit in [199_999, 65_536, 5000] {
        limits.colorProfileByteCount = limit
        let error = try bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() }
        #expect(error.exceededLimit?.name == "colorProfileByteCount" && error.exceededLimit?.allowed == limit)
      }
      limits.colorProfileByteCount = 200_000
      let decoded = try Bitmap.decode(file, limits: limits, arena: arena)
      #expect(decoded.colorProfile.iccData == data)
      decoded.dispose()
    }
  }
}
