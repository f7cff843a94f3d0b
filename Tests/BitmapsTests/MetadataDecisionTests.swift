// SPDX-License-Identifier: Apache-2.0

import CImageCodecs
import NativeBuffers
import Testing

@testable import Bitmaps

/// Which of the data beside the pixels counts: the tests follow the table of decisions in the documentation, line by
/// line.
@Suite("Which data beside the pixels is used")
struct MetadataDecisionTests {
  static let exif = OrientationTests.exif(6, isLittle: true)

  @Test(
    "The EXIF data and the profile of a PNG are used if they come before the pixels, and not if they come behind them")
  func places() throws {
    try withOwnArena { arena in
      let png = OrientationTests.plainPNG
      let stored = try Bitmap.decode(png, arena: arena).takePacked()
      let behind = Array(png.dropLast(12)) + PNGWriter.chunk("eXIf", Self.exif) + png.suffix(12)
      try CompletePictureTests.expect(
        behind, pixels: stored, [.misplacedMetadata], parts: ["eXIf"], arena: arena)
      // SAFETY: an array of bytes is initialised throughout.
      #expect(try unsafe PictureInfo.exifData(of: behind.span.bytes) == nil)
      let ahead = try Bitmap.decode(OrientationTests.png(png, exif: Self.exif), arena: arena)
      #expect(ahead.width == 3 && ahead.decodingWarnings.isEmpty)
      ahead.dispose()
      let profile = Self.iccp(EmbeddedDataTests.icc(byteCount: 300, model: "GRAY"))
      for place in [33, png.count - 12] {
        let file = Array(png[..<place]) + PNGWriter.chunk("iCCP", profile) + Array(png[place...])
        let bitmap = try Bitmap.decode(file, arena: arena)
        #expect(bitmap.colorProfile.iccData?.count == (place == 33 ? 300 : nil))
        #expect(bitmap.decodingWarnings.map(\.part) == (place == 33 ? [] : ["iCCP"]))
        bitmap.dispose()
      }
    }
  }

  @Test("The EXIF data and the profile of a WebP are used if its first chunk announces them")
  func flags() throws {
    try withOwnArena { arena in
      let file = try LateMetadataTests.webP(exif: Self.exif, arena: arena)
      #expect(file[20] & 0x28 == 0x28)
      for (flags, width, hasProfile, parts) in [
        (0x28 as UInt8, 24, true, []), (0x20, 40, true, ["EXIF"]), (0x08, 24, false, ["ICCP"]),
        (0, 40, false, ["ICCP", "EXIF"]),
      ] {
        var changed = file
        changed[20] = flags
        let bitmap = try Bitmap.decode(changed, arena: arena)
        #expect(bitmap.width == width && (bitmap.colorProfile != .sRGB) == hasProfile, "\(flags)")
        #expect(bitmap.decodingWarnings.map(\.part) == parts)
        #expect(bitmap.decodingWarnings.allSatisfy { $0.code == .misplacedMetadata })
        bitmap.dispose()
      }
      // A simple file has no chunk that could announce a profile.
      let drawn = try Bitmap.drawn(width: 40, height: 24, variant: 3, arena: arena)
      let encoded = try drawn.encodedWebP(arena: arena)
      var simple = try encoded.copied() + Array("EXIF".utf8) + [UInt8(Self.exif.count), 0, 0, 0] + Self.exif
      simple.replaceSubrange(4..<8, with: HostileStreamTests.number(simple.count - 8, isLittle: true))
      encoded.dispose()
      drawn.dispose()
      let bitmap = try Bitmap.decode(simple, arena: arena)
      #expect(bitmap.width == 40 && bitmap.decodingWarnings.map(\.part) == ["EXIF"])
      bitmap.dispose()
    }
  }

  @Test("Data beside the pixels that cannot be read gives a warning in every format")
  func unreadable() throws {
    try withOwnArena { arena in
      let nonsense = [UInt8](repeating: 7, count: 60)
      let plain = try JPEGDecodingTests.drawnJPEG(width: 40, height: 24, arena: arena)
      let profileSegment: [UInt8] = [0xFF, 0xE2, 0, 76] + Array("ICC_PROFILE\0".utf8)
      let half = plain[..<2] + profileSegment + [1, 2] + nonsense + plain[2...]
      let bad = plain[..<2] + profileSegment + [1, 1] + nonsense + plain[2...]
      var webP = try LateMetadataTests.webP(exif: nonsense, arena: arena)
      webP[38 + 36] ^= 1  // This byte is in the profile's signature.
      let cases: [([UInt8], [String])] = [
        (OrientationTests.jpeg(plain, exif: nonsense), ["EXIF"]), (Array(half), ["ICC data"]),
        (Array(bad), ["ICC data"]),
        (OrientationTests.png(OrientationTests.plainPNG, exif: nonsense), ["EXIF"]),
        (Self.png(iccp: nonsense), ["ICC data"]), (webP, ["EXIF", "ICC data"]),
      ]
      for (file, parts) in cases {
        let bitmap = try Bitmap.decode(file, arena: arena)
        #expect(bitmap.decodingWarnings.map(\.part) == parts, "\(bitmap.decodingWarnings)")
        #expect(bitmap.colorProfile == .sRGB)
        let pixels = try bitmap.takePacked()
        try CompletePictureTests.expect(
          file, pixels: pixels, parts.map { _ in .damagedMetadata }, parts: parts, arena: arena)
      }
    }
  }

  /// A name, the method, and the data as one stored block.
  static func iccp(_ data: [UInt8], checksum: [UInt8]? = nil) -> [UInt8] {
    var (a, b) = (1, 0)
    for byte in data { (a, b) = ((a + Int(byte)) % 65_521, (b + (a + Int(byte)) % 65_521) % 65_521) }
    let lengths = [data.count & 255, data.count >> 8].map { UInt8($0) }
    let stream = [0x78, 0x01, 1] + lengths + lengths.map { ~$0 } + data
    return Array("name\0\0".utf8) + stream + (checksum ?? HostileStreamTests.number(b << 16 | a))
  }

  static func png(iccp: [UInt8]) -> [UInt8] {
    let png = PNGWriter(width: 3, height: 2, colorType: .rgb, rows: [[UInt8]](repeating: Array(1...9), count: 2))
      .encoded()
    return Array(png[..<33]) + PNGWriter.chunk("iCCP", iccp) + Array(png[33...])
  }

  @Test(
    "A PNG's profile is used if it is as long as its header says, even if the end of the compressed data is damaged")
  func profileEnds() throws {
    try withOwnArena { arena in
      let data = EmbeddedDataTests.icc(byteCount: 400, model: "RGB ")
      let whole = Self.iccp(data)
      let more = Self.iccp(data + [1, 2, 3])
      for stored in [whole, whole.dropLast(4), whole.dropLast(2), Self.iccp(data, checksum: [0, 0, 0, 0]), more] {
        let file = Self.png(iccp: Array(stored))
        let bitmap = try Bitmap.decode(file, arena: arena)
        #expect(bitmap.colorProfile.iccData == data && bitmap.decodingWarnings.isEmpty)
        bitmap.dispose()
      }
      for stored in [whole.dropLast(5), whole.prefix(40), Self.iccp(Array(data.dropLast()))[...]] {
        let bitmap = try Bitmap.decode(Self.png(iccp: Array(stored)), arena: arena)
        #expect(bitmap.colorProfile == .sRGB && bitmap.decodingWarnings.map(\.part) == ["ICC data"])
        bitmap.dispose()
      }
      // The profile's head says that it needs more than the limit. That is known after 128 bytes.
      var limits = DecodingLimits()
      limits.colorProfileByteCount = 399
      let error = try bitmapError { try Bitmap.decode(Self.png(iccp: whole), limits: limits, arena: arena).dispose() }
      #expect(error.exceededLimit?.name == "colorProfileByteCount" && error.exceededLimit?.needed == 400)
      // A size that a head declares costs nothing.
      var huge = data
      huge.replaceSubrange(0..<4, with: HostileStreamTests.number(0xF000_0000))
      limits.colorProfileByteCount = .max
      let bitmap = try Bitmap.decode(Self.png(iccp: Self.iccp(huge)), limits: limits, arena: arena)
      #expect(bitmap.colorProfile == .sRGB && bitmap.decodingWarnings.map(\.part) == ["ICC data"])
      bitmap.dispose()
    }
  }

  @Test("In a JPEG and a WebP, ICC data is used also if other bytes follow it")
  func paddedProfiles() throws {
    try withOwnArena { arena in
      let data = EmbeddedDataTests.icc(byteCount: 400, model: "RGB ")
      let plain = try JPEGDecodingTests.drawnJPEG(width: 40, height: 24, arena: arena)
      let segment = [0xFF, 0xE2, 1, 0xA3] + Array("ICC_PROFILE\0".utf8) + [1, 1] + data + [0, 0, 0]
      let bitmap = try Bitmap.decode(Array(plain[..<2] + segment + plain[2...]), arena: arena)
      #expect(bitmap.colorProfile.iccData == data && bitmap.decodingWarnings.isEmpty)
      bitmap.dispose()
    }
  }

  @Test("A WebP chunk that continues beyond the end of its file is not used, and the picture is whole")
  func overlong() throws {
    try withOwnArena { arena in
      var file = try LateMetadataTests.webP(exif: Self.exif, arena: arena)
      let chunk = file.count - Self.exif.count - 8
      #expect(Array(file[chunk..<chunk + 4]) == Array("EXIF".utf8))
      file[chunk + 4] += 2
      let bitmap = try Bitmap.decode(file, arena: arena)
      #expect(bitmap.width == 40 && bitmap.decodingWarnings.map(\.part) == ["EXIF"])
      let pixels = try bitmap.takePacked()
      try CompletePictureTests.expect(file, pixels: pixels, [.damagedMetadata], arena: arena)
      // The container says that it is larger than its file. All data that is there is used.
      file[chunk + 4] -= 2
      file[4] += 10
      let larger = try Bitmap.decode(file, arena: arena)
      #expect(larger.width == 24 && larger.decodingWarnings.map(\.code) == [.missingEnd])
      larger.dispose()
    }
  }

  @Test("An orientation whose numbers are not all in the file cannot be read", arguments: [true, false])
  func overlongOrientation(isLittle: Bool) throws {
    try withOwnArena { arena in
      let plain = try JPEGDecodingTests.drawnJPEG(width: 40, height: 24, arena: arena)
      let pixels = try Bitmap.decode(plain, arena: arena).takePacked()
      // The entry has the place of its numbers instead of a value. Within the structure there is 0 there, which would
      // be upright.
      for (count, place) in [(1 << 31, 6), (0xFFFF_FFFF, 6), (20, 6), (3, 34)] {
        var exif = OrientationTests.exif(6, isLittle: isLittle)
        exif.replaceSubrange(26..<30, with: HostileStreamTests.number(count, isLittle: isLittle))
        exif.replaceSubrange(30..<34, with: HostileStreamTests.number(place, isLittle: isLittle))
        let file = OrientationTests.jpeg(plain, exif: exif)
        try CompletePictureTests.expect(file, pixels: pixels, [.damagedMetadata], parts: ["EXIF"], arena: arena)
      }
      // All of the numbers are there.
      var exif = OrientationTests.exif(6, isLittle: isLittle)
      exif.replaceSubrange(26..<30, with: HostileStreamTests.number(3, isLittle: isLittle))
      exif.replaceSubrange(30..<34, with: HostileStreamTests.number(exif.count, isLittle: isLittle))
      exif += isLittle ? [6, 0, 1, 0, 1, 0] : [0, 6, 0, 1, 0, 1]
      let turned = try Bitmap.decode(OrientationTests.jpeg(plain, exif: exif), arena: arena)
      #expect(turned.width == 24 && turned.decodingWarnings.isEmpty)
      turned.dispose()
    }
  }

  @Test(
    "In every format, unreadable EXIF data does not hide the data that follows, and the first readable data is used")
  func twoOfExif() throws {
    try withOwnArena { arena in
      let (good, other) = (Self.exif, OrientationTests.exif(3, isLittle: false))
      let bad = [UInt8](repeating: 7, count: 20)
      let jpeg = try JPEGDecodingTests.drawnJPEG(width: 40, height: 24, arena: arena)
      func files(_ first: [UInt8], _ second: [UInt8]) throws -> [[UInt8]] {
        var webP = try LateMetadataTests.webP(exif: first, arena: arena)
        webP += Array("EXIF".utf8) + [UInt8(second.count), 0, 0, 0] + second
        webP.replaceSubrange(4..<8, with: HostileStreamTests.number(webP.count - 8, isLittle: true))
        return [
          OrientationTests.jpeg(OrientationTests.jpeg(jpeg, exif: second), exif: first),
          OrientationTests.png(OrientationTests.png(OrientationTests.plainPNG, exif: second), exif: first), webP,
        ]
      }
      for (first, second, counts, isDamaged) in [
        (bad, good, good, true), (good, bad, good, false), (good, other, good, false), (other, good, other, false),
        (bad, bad + [7, 7], bad, true),
      ] {
        for file in try files(first, second) {
          // SAFETY: an array of bytes is initialised throughout.
          #expect(try unsafe PictureInfo.exifData(of: file.span.bytes) == counts)
          let bitmap = try Bitmap.decode(file, arena: arena)
          #expect((bitmap.width < bitmap.height) == (counts == good))
          let pixels = try bitmap.takePacked()
          try CompletePictureTests.expect(
            file, pixels: pixels, isDamaged ? [.damagedMetadata] : [], parts: isDamaged ? ["EXIF"] : [], arena: arena)
        }
      }
    }
  }

  @Test(
    "Chunks that must come before the pixels of a PNG are not used if they come behind them, and give a warning",
    arguments: ["PLTE", "tRNS", "bKGD", "hIST", "gAMA", "cHRM", "sRGB", "cICP", "sBIT", "pHYs", "sPLT", "acTL"])
  func behindPixels(name: String) throws {
    try withOwnArena { arena in
      let png = OrientationTests.plainPNG
      let pixels = try Bitmap.decode(png, arena: arena).takePacked()
      let chunk = PNGWriter.chunk(name, [0, 1, 0, 2, 0, 3])
      let file = Array(png.dropLast(12)) + chunk + png.suffix(12)
      try CompletePictureTests.expect(file, pixels: pixels, [.misplacedMetadata], parts: [name], arena: arena)
    }
  }

  @Test("If a transparent colour has more bits than the samples, the lower bits are used, and there is a warning")
  func transparentColour() throws {
    try withOwnArena { arena in
      let row: [UInt8] = [7, 9, 255]
      for (high, codes) in [(0 as UInt8, []), (1, [PictureWarning.Code.irregularData]), (0x80, [.irregularData])] {
        let gray = PNGWriter(width: 3, height: 1, colorType: .gray, transparency: [high, 9], rows: [row]).encoded()
        let pixels: [UInt8] = [7, 7, 7, 255, 9, 9, 9, 0, 255, 255, 255, 255]
        try CompletePictureTests.expect(
          gray, pixels: pixels, codes, parts: codes.map { _ in "tRNS" }, arena: arena)
        let wide = try Bitmap.decode(gray, format: .rgba16, arena: arena).takePacked()
        #expect(wide == pixels.flatMap { [$0, $0] })
        let rgb = PNGWriter(
          width: 2, height: 1, colorType: .rgb, transparency: [0, 1, 0, 2, high, 3], rows: [[1, 2, 3, 1, 2, 4]])
        try CompletePictureTests.expect(
          rgb.encoded(), pixels: [1, 2, 3, 0, 1, 2, 4, 255], codes, arena: arena)
      }
      // Two bits a sample: 0, 1, 2, 3. The transparent colour is 2; 256 + 2 stands for the same.
      let bits = PNGWriter(
        width: 4, height: 1, bitDepth: 2, colorType: .gray, transparency: [1, 2], rows: [[0b00_01_10_11]]
      ).encoded()
      let expected: [UInt8] = [0, 0, 0, 255, 85, 85, 85, 255, 170, 170, 170, 0, 255, 255, 255, 255]
      try CompletePictureTests.expect(bits, pixels: expected, [.irregularData], arena: arena)
    }
  }

  @Test("EXIF data that begins as it does in a JPEG is used in a PNG, too")
  func exifLead() throws {
    try withOwnArena { arena in
      let lead = Array("Exif\0\0".utf8)
      let bitmap = try Bitmap.decode(
        OrientationTests.png(OrientationTests.plainPNG, exif: lead + Self.exif), arena: arena)
      #expect(bitmap.width == 3 && bitmap.decodingWarnings.isEmpty)
      bitmap.dispose()
      let file = OrientationTests.png(OrientationTests.plainPNG, exif: lead + Self.exif)
      // SAFETY: an array of bytes is initialised throughout.
      #expect(try unsafe PictureInfo.exifData(of: file.span.bytes) == Self.exif)
    }
  }
}
