// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

/// If every pixel that a file promises was decoded from the file's own data, the file is a picture, and there is a
/// warning for whatever else is wrong with it. If not, it is an error.
@Suite("Files whose damage does not affect a pixel")
struct CompletePictureTests {
  /// Three rows of a picture whose palette is partly transparent, with a text before the pixels and a time behind
  /// them.
  static let png: [UInt8] = {
    var file = PNGWriter(
      width: 3, height: 3, colorType: .palette, palette: [1, 2, 3, 4, 5, 6, 7, 8, 9], transparency: [5],
      rows: [[2, 0, 1], [0, 1, 2], [1, 1, 0]]
    ).encoded()
    file.insert(contentsOf: PNGWriter.chunk("tEXt", Array("Title\0none".utf8)), at: 33)
    file.insert(contentsOf: PNGWriter.chunk("tIME", [7, 0xEA, 1, 1, 0, 0, 0]), at: file.count - 12)
    return file
  }()

  /// The place of the chunk's data.
  static func content(of chunk: String, in file: [UInt8]) throws -> Range<Int> {
    let name = Array(chunk.utf8)
    let start = try #require((0..<file.count - 4).first { Array(file[$0..<$0 + 4]) == name })
    return start + 4..<start + 4 + file[start - 4..<start].reduce(0) { $0 << 8 | Int($1) }
  }

  /// Decodes a file in every possible way, and expects the same pixels and warnings from each.
  static func expect(
    _ file: [UInt8], pixels: [UInt8], _ codes: [PictureWarning.Code], parts: [String?]? = nil, arena: Arena,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let whole = try Bitmap.decode(file, arena: arena)
    let warnings = whole.decodingWarnings
    #expect(warnings.map(\.code) == codes, "\(warnings)", sourceLocation: sourceLocation)
    if let parts { #expect(warnings.map(\.part) == parts, "\(warnings)", sourceLocation: sourceLocation) }
    let (width, height, format) = (whole.width, whole.height, whole.format)
    #expect(try whole.takePacked() == pixels, sourceLocation: sourceLocation)

    var decoder = PictureDecoder(limits: .default, arena: arena)
    for i in file.indices { try LateMetadataTests.append(file[i...i], to: &decoder) }
    let info = decoder.info
    // SAFETY: an array of bytes is initialised throughout.
    #expect(try unsafe info == PictureInfo(probing: file.span.bytes), sourceLocation: sourceLocation)
    let arrived = try decoder.finish()
    #expect(arrived.decodingWarnings == warnings, sourceLocation: sourceLocation)
    #expect(try arrived.takePacked() == pixels, sourceLocation: sourceLocation)

    var target = try Bitmap(width: width, height: height, format: format, arena: arena)
    // SAFETY: as above.
    try unsafe target.replacePixels(decoding: file.span.bytes, arena: arena)
    #expect(target.decodingWarnings == warnings, sourceLocation: sourceLocation)
    #expect(try target.takePacked() == pixels, sourceLocation: sourceLocation)

    try Files.withTemporaryFolder { folder in
      try Files.write(file, to: "\(folder)/picture")
      let thumbnail = try Bitmap(thumbnailOfFileAt: "\(folder)/picture", width: 2, arena: arena)
      #expect(thumbnail.width == 2 && thumbnail.decodingWarnings == warnings, sourceLocation: sourceLocation)
      thumbnail.dispose()
    }

    var limits = DecodingLimits()
    limits.isStrict = true
    guard let first = codes.first else {
      try Bitmap.decode(file, limits: limits, arena: arena).dispose()
      return
    }
    let error = try bitmapError(sourceLocation: sourceLocation) {
      try Bitmap.decode(file, limits: limits, arena: arena).dispose()
    }
    #expect(error.code == (first == .missingEnd ? .truncated : .corrupt), "\(error)", sourceLocation: sourceLocation)
  }

  @Test(
    "A wrong checksum in a PNG chunk that no pixel needs is a warning that names the chunk",
    arguments: ["tEXt", "tIME"])
  func checksums(chunk: String) throws {
    try withOwnArena { arena in
      let pixels = try Bitmap.decode(Self.png, arena: arena).takePacked()
      try Self.expect(Self.png, pixels: pixels, [], arena: arena)
      var file = Self.png
      file[try Self.content(of: chunk, in: file).upperBound] ^= 1
      try Self.expect(file, pixels: pixels, [.damagedMetadata], parts: [chunk], arena: arena)
    }
  }

  @Test("A warning says that data was not used only if such data is used otherwise")
  func consequence() {
    for part in ["iCCP", "ICCP", "ICC data", "eXIf", "EXIF"] {
      #expect(PictureWarning.damaged(part, "it is cut").reason == "\(part): it is cut; it was not used.")
      #expect(PictureWarning.misplaced(part, "it is late").reason == "\(part): it is late; it was not used.")
    }
    for part in ["gAMA", "tEXt", "XMP "] {
      let rest = "it is never used, and no pixel depends on it."
      #expect(PictureWarning.damaged(part, "it is cut").reason == "\(part): it is cut; \(rest)")
      #expect(PictureWarning.misplaced(part, "it is late").reason == "\(part): it is late; \(rest)")
    }
  }

  @Test(
    "A wrong checksum in a chunk that makes pixels is an error, even if all pixels are there",
    arguments: ["PLTE", "tRNS", "IDAT"])
  func pixelChecksums(chunk: String) throws {
    try withOwnArena { arena in
      var file = Self.png
      file[try Self.content(of: chunk, in: file).upperBound + 3] ^= 1
      for part in [file, file.dropLast(12), file.dropLast(13)] {
        #expect(try bitmapError { try Bitmap.decode(Array(part), arena: arena).dispose() }.code == .corrupt)
      }
    }
  }

  @Test("If the end of a PNG is missing, cut, damaged or another chunk, the picture is still decoded")
  func ends() throws {
    try withOwnArena { arena in
      let pixels = try Bitmap.decode(Self.png, arena: arena).takePacked()
      for cut in 1...11 { try Self.expect(Self.png.dropLast(cut), pixels: pixels, [.missingEnd], arena: arena) }
      let behindPixels = try Self.content(of: "IDAT", in: Self.png).upperBound + 4
      // These places begin with the checksum of the compressed data.
      for cut in behindPixels - 8..<Self.png.count - 12 {
        try Self.expect(Array(Self.png[..<cut]), pixels: pixels, [.missingEnd], arena: arena)
      }
      let head = Self.png.dropLast(12)
      let ends: [([UInt8], PictureWarning.Code)] = [
        (PNGWriter.chunk("IEND", []).dropLast() + [0], .damagedEnd),
        ([0, 0, 0, 0] + Array("IE\u{1}D".utf8) + [0xAE, 0x42, 0x60, 0x82], .damagedEnd),
        ([0xFF, 0xFF, 0xFF, 0xFF] + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82], .damagedEnd),
        ([0, 0, 0, 9] + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82], .missingEnd),
        (PNGWriter.chunk("IEND", [1, 2, 3]), .irregularData),
        ([UInt8](repeating: 0, count: 512), .damagedEnd),
        (PNGWriter.chunk("IHDR", [1, 2, 3]), .damagedEnd),
      ]
      for (end, code) in ends { try Self.expect(head + end, pixels: pixels, [code], arena: arena) }
      // An unknown critical chunk is an error if it comes before the pixels, and not if it comes behind them.
      let unknown = PNGWriter.chunk("ABCD", [])
      try Self.expect(head + unknown + PNGWriter.chunk("IEND", []), pixels: pixels, [], arena: arena)
      let ahead = Self.png[..<33] + unknown + Self.png[33...]
      #expect(try bitmapError { try Bitmap.decode(Array(ahead), arena: arena).dispose() }.code == .corrupt)
    }
  }

  @Test("Warnings about a PNG's data before its last row are reported together with warnings about its end")
  func oddAndCut() throws {
    try withOwnArena { arena in
      // The file has a transparent colour, although each pixel has its own alpha.
      let file = PNGWriter(
        width: 3, height: 1, colorType: .grayAlpha, transparency: [0, 5], rows: [[1, 255, 5, 255, 9, 128]]
      ).encoded()
      let pixels = try Bitmap.decode(file, arena: arena).takePacked()
      try Self.expect(file, pixels: pixels, [.irregularData], arena: arena)
      try Self.expect(file.dropLast(3), pixels: pixels, [.missingEnd, .irregularData], arena: arena)
      let damaged = Array(file.dropLast(12)) + [UInt8](repeating: 0, count: 512)
      try Self.expect(damaged, pixels: pixels, [.damagedEnd, .irregularData], arena: arena)
    }
  }

  @Test("A PNG whose compressed data lacks its checksum is decoded, also if it is interlaced or has one column")
  func shortData() throws {
    try withOwnArena { arena in
      for name in ["interlaced.png", "stored-rgba16-interlaced.png", "rgb.png", "stored-palette.png"] {
        let file = try Self.seed("png/\(name)")
        let pixels = try Bitmap.decode(file, arena: arena).takePacked()
        let data = try Self.content(of: "IDAT", in: file)
        // The file is cut there, or a chunk ends there.
        try Self.expect(Array(file[..<(data.upperBound - 4)]), pixels: pixels, [.missingEnd], arena: arena)
        let short = file[..<(data.lowerBound - 8)] + PNGWriter.chunk("IDAT", Array(file[data].dropLast(4)))
        try Self.expect(short + PNGWriter.chunk("IEND", []), pixels: pixels, [.damagedEnd], arena: arena)
        let error = try bitmapError {
          try Bitmap.decode(Array(file[..<(data.upperBound - 40)]), arena: arena).dispose()
        }
        #expect(error.code == .truncated)
      }
    }
  }

  static func seed(_ name: String) throws -> [UInt8] {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    return try Files.bytes(parts.joined(separator: "/") + "/Fuzzing/Seeds/" + name)
  }

  @Test("A JPEG without its end is decoded, also if the camera wrote a trailer behind it")
  func jpegEnd() throws {
    try withOwnArena { arena in
      for name in ["no-end-trailer", "progressive-no-end"] {
        let file = try Self.seed("jpeg/\(name).jpg")
        // SAFETY: an array of bytes is initialised throughout.
        let info = try unsafe PictureInfo(probing: file.span.bytes)
        #expect(info.width == 48 && info.height == 32 && info.isProgressive == (name == "progressive-no-end"))
        let pixels = try Bitmap.decode(file, arena: arena).takePacked()
        #expect(Array(pixels.prefix(3)) == [254, 0, 0])
        try Self.expect(file, pixels: pixels, [.missingEnd], arena: arena)
        // The result is the same as with the end that the file should have.
        if info.isProgressive { try Self.expect(file + [0xFF, 0xD9], pixels: pixels, [], arena: arena) }
      }
    }
  }

  @Test("Bytes behind the rows of a JPEG with one scan, or behind all scans of another, change no pixel")
  func jpegTrailers() throws {
    try withOwnArena { arena in
      let other = try JPEGDecodingTests.drawnJPEG(width: 16, height: 16, arena: arena)
      for name in ["baseline", "gray", "restart", "progressive"] {
        let file = try Self.seed("jpeg/\(name).jpg")
        try #require(Array(file.suffix(2)) == [0xFF, 0xD9])
        let pixels = try Bitmap.decode(file, arena: arena).takePacked()
        let trailers: [[UInt8]] = [
          [], [0xFF], [0, 0, 0], [0xFF, 0xC4], [0xFF, 0xC4, 0xFF, 0xFF, 1, 2, 3], other, [0xFF, 0xE1, 0, 0],
        ]
        for trailer in trailers {
          let whole = try Bitmap.decode(Array(file.dropLast(2)) + trailer, arena: arena)
          #expect(
            whole.decodingWarnings.count == 1
              && [.missingEnd, .damagedEnd].contains(whole.decodingWarnings.first?.code), "\(name) \(trailer)")
          #expect(try whole.takePacked() == pixels, "\(name) \(trailer)")
        }
      }
    }
  }

  @Test("A progressive JPEG that ends between two scans is truncated, because bits of its coefficients are missing")
  func betweenScans() throws {
    try withOwnArena { arena in
      let file = try Self.seed("jpeg/progressive-no-end.jpg")
      let scans = file.indices.dropLast().filter { file[$0] == 0xFF && file[$0 + 1] == 0xDA }
      for scan in scans.dropFirst() {
        for minimumWidth in [nil, 1] {
          let error = try bitmapError {
            try Bitmap.decode(Array(file[..<scan]), minimumWidth: minimumWidth, arena: arena).dispose()
          }
          #expect(error.code == .truncated)
        }
      }
      // This is one byte less than the file has.
      for minimumWidth in [nil, 1] {
        let error = try bitmapError {
          try Bitmap.decode(file.dropLast(2), minimumWidth: minimumWidth, arena: arena).dispose()
        }
        #expect(error.code == .truncated)
      }
    }
  }

  @Test("The inks of a CMYK JPEG are inverted with and without Adobe's marker")
  func inks() throws {
    try withOwnArena { arena in
      let plain = try Self.seed("jpeg/cmyk-no-marker.jpg")
      let marker: [UInt8] = [0xFF, 0xEE, 0, 14] + Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 0]
      let marked = plain[..<2] + marker + plain[2...]
      for format in [PixelFormat.rgb8, .rgba8, .gray8] {
        let pixels = try Bitmap.decode(plain, format: format, arena: arena).takePacked()
        #expect(try Bitmap.decode(Array(marked), format: format, arena: arena).takePacked() == pixels)
      }
      let bitmap = try Bitmap.decode(plain, arena: arena)
      // No cyan with all magenta and yellow is red; the other is 147 of 255 of cyan, all magenta, 175 of yellow.
      let pixels = try bitmap.takePacked()
      #expect(Array(pixels[..<3]) == [255, 0, 0])
      #expect(Array(pixels[60..<63]) == [108, 0, 80])
    }
  }

  @Test("Whatever a file holds, there are few warnings, and their texts have no control characters")
  func many() throws {
    try withOwnArena { arena in
      let png = OrientationTests.plainPNG
      var chunks: [UInt8] = []
      for i in 0..<2000 {
        let name = Array("a\(["A", "B", "C", "D"][i % 4])C\(["a", "b", "c", "d", "e", "f", "g", "h"][i / 4 % 8])".utf8)
        chunks += [0, 0, 0, 0] + name + [0, 0, 0, 0]
      }
      let bitmap = try Bitmap.decode(Array(png[..<33]) + chunks + Array(png[33...]), arena: arena)
      #expect(bitmap.decodingWarnings.count == 16 && Set(bitmap.decodingWarnings).count == 16)
      bitmap.dispose()
      // Behind the pixels, chunks may have any name.
      let odd = Array(png.dropLast(12)) + [0, 0, 0, 0, 0x61, 0x1B, 0x5B, 0x0A] + [0, 0, 0, 0] + Array(png.suffix(12))
      let other = try Bitmap.decode(odd, arena: arena)
      let words = other.decodingWarnings.map(\.description).joined()
      #expect(!words.isEmpty && words.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "\(words)")
      other.dispose()
    }
  }

  @Test(
    "Files from bug reports are decoded, and warnings say what is wrong with them",
    .enabled(if: Corpus.isPresent, Corpus.absence),
    arguments: [
      ("02-cmyk-no-adobe-marker-comes-negative.own.jpg", []),
      ("04-png-iccp-crc-only-refused.image-png-430.png", [.damagedMetadata]),
      ("05-png-clli-crc-only-refused.image-png.png", [.damagedMetadata, .damagedMetadata]),
      ("07-png-text-crc-only-refused.own.png", [.damagedMetadata]),
      ("09-jpeg-no-eoi-samsung-trailer-refused.own.jpg", [.missingEnd]),
      ("11-jpeg-progressive-no-eoi-refused.own.jpg", [.missingEnd]), ("12-png-no-iend-refused.own.png", [.missingEnd]),
      ("14-png-last-byte-missing-refused.own.png", [.missingEnd]),
      ("17-png-display-p3-iccp-no-adler32-profile-lost.image-png.png", []),
      ("22-exif-orientation-sshort-ignored.own.jpg", []),
      ("25-png-exif-behind-idat-applied.own.png", [.misplacedMetadata]),
    ] as [(String, [PictureWarning.Code])])
  func reported(name: String, codes: [PictureWarning.Code]) throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes("reported/\(name)")
      let bitmap = try Bitmap.decode(file, arena: arena)
      let (width, height, profile) = (bitmap.width, bitmap.height, bitmap.colorProfile.iccData?.count)
      switch name.prefix(2) {
      case "17": #expect(profile == 536)
      case "22": #expect(width == 32 && height == 48)
      case "25": #expect(width == 48 && height == 32)
      default: #expect(profile == nil)
      }
      try Self.expect(file, pixels: bitmap.takePacked(), codes, arena: arena)
    }
  }
}
