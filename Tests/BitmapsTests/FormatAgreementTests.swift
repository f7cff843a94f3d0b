// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("One file in all formats")
struct FormatAgreementTests {
  /// Expects that each format has, byte by byte, what a conversion of the richest format gives. For the gray formats of
  /// a JPEG, that is a conversion of its luma.
  static func expectAgreement(_ file: [UInt8], minimumWidth: Int? = nil, _ name: String, arena: Arena) throws {
    // SAFETY: an array of bytes is initialised throughout.
    let info = try unsafe PictureInfo(probing: file.span.bytes)
    let richest = try Bitmap.decode(file, format: info.richestFormat, minimumWidth: minimumWidth, arena: arena)
    defer { richest.dispose() }
    let luma = try info.richestGray.map {
      try Bitmap.decode(file, format: $0, minimumWidth: minimumWidth, arena: arena)
    }
    defer { luma?.dispose() }
    for format in PixelFormat.all + [info.pixelFormat] {
      let direct = try Bitmap.decode(file, format: format, minimumWidth: minimumWidth, arena: arena)
      #expect(direct.width == richest.width && direct.height == richest.height)
      let source = format.isGray ? luma ?? richest : richest
      let converted = try source.converted(to: format, arena: arena)
      #expect(try direct.takePacked() == converted.takePacked(), "\(name): \(format)")
    }
    let own = try Bitmap.decode(file, minimumWidth: minimumWidth, arena: arena)
    let same = try Bitmap.decode(file, format: info.pixelFormat, minimumWidth: minimumWidth, arena: arena)
    #expect(try own.takePacked() == same.takePacked(), "\(name): the format of its own")
  }

  @Test("If a WebP says that it has no alpha, a colour that its palette lacks is opaque black in all formats")
  func paletteOfWebP() throws {
    try withOwnArena { arena in
      let file = WebPWriter.paletteOutOfRange()
      let pixels: [[UInt8]] = [
        [10, 20, 30], [60, 80, 100], [110, 140, 170], [0, 0, 0], [0, 0, 0], [0, 0, 0], [10, 20, 30], [60, 80, 100],
      ]
      #expect(try Bitmap.decode(file, format: .rgb8, arena: arena).takePacked() == pixels.flatMap(\.self))
      #expect(try Bitmap.decode(file, format: .rgba8, arena: arena).takePacked() == pixels.flatMap { $0 + [255] })
      try Self.expectAgreement(file, "palette.webp", arena: arena)
      try Self.expectAgreement(file, minimumWidth: 2, "palette.webp at a half", arena: arena)
      // Decoding directly into existing memory gives the same.
      var screen = try Bitmap(width: 4, height: 2, format: .rgba8, arena: arena)
      // SAFETY: an array of bytes is initialised throughout.
      try unsafe screen.replacePixels(decoding: file.span.bytes, arena: arena)
      #expect(try screen.takePacked() == pixels.flatMap { $0 + [255] })
    }
  }

  @Test("All formats agree for PNGs of every depth, with colours that a palette lacks, or with a transparent colour")
  func ownPNGs() throws {
    try withOwnArena { arena in
      let wide = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 37 ^ $0 << 3) }
      var files: [(String, PNGWriter)] = []
      for depth: UInt8 in [2, 4, 8] {
        let row: [UInt8] = depth == 2 ? [0x1B] : depth == 4 ? [0x01, 0x2F] : [0, 1, 2, 255]
        for transparency: [UInt8] in [[], [0, 128]] {
          files.append(
            (
              "a palette of \(depth) bits, \(transparency.count) transparent colours",
              PNGWriter(
                width: 4, height: 1, bitDepth: depth, colorType: .palette, palette: [9, 8, 7, 50, 60, 70, 200, 100, 0],
                transparency: transparency, rows: [row])
            ))
        }
      }
      for (type, channels) in [(PNGWriter.ColorType.gray, 1), (.rgb, 3), (.grayAlpha, 2), (.rgba, 4)] {
        for depth in [8, 16] {
          let row = Array(wide[..<(4 * channels * depth / 8)])
          let writer = PNGWriter(width: 4, height: 1, bitDepth: UInt8(depth), colorType: type, rows: [row])
          files.append(("\(type) of \(depth) bits", writer))
          guard channels % 2 == 1 else { continue }
          var keyed = writer
          keyed.transparency = depth == 16 ? Array(row[..<(2 * channels)]) : row[..<channels].flatMap { [0, $0] }
          files.append(("\(type) of \(depth) bits with a transparent colour", keyed))
        }
      }
      for (name, writer) in files { try Self.expectAgreement(writer.encoded(), name, arena: arena) }
    }
  }

  @Test("All formats agree for Netpbm files of any maximum", arguments: [1, 2, 5, 31, 100, 254, 255, 1023, 65_535])
  func netpbm(maximum: Int) throws {
    try withOwnArena { arena in
      let samples = (0..<240).map { $0 * 7919 % (maximum + 1) }
      let bytes = samples.flatMap { maximum > 255 ? [UInt8($0 >> 8), UInt8($0 & 255)] : [UInt8($0)] }
      for depth in 1...4 {
        let head = "P7\nWIDTH \(240 / depth)\nHEIGHT 1\nDEPTH \(depth)\nMAXVAL \(maximum)\nENDHDR\n"
        try Self.expectAgreement(Array(head.utf8) + bytes, "\(depth) channels up to \(maximum)", arena: arena)
      }
    }
  }

  /// The seeds of the fuzzers are in the repository.
  static let seeds: [String] = {
    let folder = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/Fuzzing/Seeds"
    return ["jpeg", "png", "webp", "netpbm"].flatMap { format in
      Files.names(in: "\(folder)/\(format)").map { "\(folder)/\(format)/\($0)" }
    }
  }()

  @Test("All formats agree for small files of every kind", arguments: seeds)
  func small(path: String) throws {
    try withOwnArena { arena in
      let file = try Files.bytes(path)
      try Self.expectAgreement(file, path, arena: arena)
      try Self.expectAgreement(file, minimumWidth: 1, "\(path), reduced", arena: arena)
    }
  }

  @Test(
    "All formats agree for the corpus's pictures", .enabled(if: Corpus.isPresent, Corpus.absence),
    arguments: ["derived", "photos"])
  func corpus(part: String) throws {
    try withOwnArena { arena in
      for name in Corpus.names(in: part, suffixes: [".jpg", ".png", ".webp"]) {
        let file = try Corpus.bytes(name)
        // SAFETY: an array of bytes is initialised throughout.
        let info = try unsafe PictureInfo(probing: file.span.bytes)
        if info.width <= 500 { try Self.expectAgreement(file, name, arena: arena) }
        if info.canShrink { try Self.expectAgreement(file, minimumWidth: 64, "\(name), reduced", arena: arena) }
      }
    }
  }

  @Test("All formats agree for PngSuite", .enabled(if: Corpus.isPresent, Corpus.absence))
  func pngSuite() throws {
    try withOwnArena { arena in
      for name in Corpus.names(in: "pngsuite", suffixes: [".png"]) where !name.hasPrefix("pngsuite/x") {
        try Self.expectAgreement(try Corpus.bytes(name), name, arena: arena)
      }
    }
  }

  @Test(
    "The luma of a JPEG is within 1 of the gray of its colours, if those are not clipped at 0 or 255",
    .enabled(if: Corpus.isPresent, Corpus.absence), arguments: ["derived/rocket_444.jpg", "photos/rocket.jpg"])
  func luma(name: String) throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes(name)
      let colors = try Bitmap.decode(file, format: .rgb8, arena: arena)
      defer { colors.dispose() }
      let gray = try colors.converted(to: .gray8, arena: arena).takePacked()
      let luma = try Bitmap.decode(file, format: .gray8, arena: arena).takePacked()
      let pixels = try colors.packed()
      var compared = 0
      for i in gray.indices where pixels[3 * i..<3 * i + 3].allSatisfy({ $0 > 0 && $0 < 255 }) {
        compared += 1
        guard abs(Int(gray[i]) - Int(luma[i])) > 1 else { continue }
        Issue.record("\(name), pixel \(i): \(gray[i]) of its colours, luma \(luma[i])")
        return
      }
      #expect(compared > gray.count / 4)
    }
  }
}
