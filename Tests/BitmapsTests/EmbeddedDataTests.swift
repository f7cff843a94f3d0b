// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("ICC and EXIF data in files")
struct EmbeddedDataTests {
  /// Data with a head that libpng accepts, and of a length that takes several segments of a JPEG.
  static func icc(byteCount: Int, model: String) -> [UInt8] {
    func number(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
    var data = [UInt8](repeating: 0, count: byteCount)
    data.replaceSubrange(0..<4, with: number(byteCount))
    data.replaceSubrange(8..<12, with: [4, 0x30, 0, 0])
    data.replaceSubrange(12..<16, with: Array("mntr".utf8))
    data.replaceSubrange(16..<20, with: Array(model.utf8))
    data.replaceSubrange(20..<24, with: Array("XYZ ".utf8))
    data.replaceSubrange(36..<40, with: Array("acsp".utf8))
    // The illuminant D50, and one tag: the number of tags, then the tag's name, place and size.
    data.replaceSubrange(68..<80, with: [0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D])
    data.replaceSubrange(128..<132, with: number(1))
    data.replaceSubrange(132..<136, with: Array("desc".utf8))
    data.replaceSubrange(136..<144, with: number(144) + number(byteCount - 144))
    var generator = SeededGenerator(seed: 9)
    for i in 144..<byteCount { data[i] = UInt8.random(in: 0...255, using: &generator) }
    return data
  }

  @Test("ICC data is kept in every format that can hold it", arguments: ["JPEG", "PNG", "lossy WebP", "lossless WebP"])
  func roundTrip(kind: String) throws {
    try withOwnArena { arena in
      for (format, model) in [(PixelFormat.rgb8, "RGB "), (.rgba8, "RGB "), (.gray8, "GRAY")] {
        let data = Self.icc(byteCount: 150_000, model: model)
        var bitmap = try Bitmap(width: 40, height: 30, format: format, arena: arena)
        bitmap.colorProfile = try #require(ColorProfile(iccData: data))
        defer { bitmap.dispose() }
        let encoded =
          switch kind {
          case "JPEG": try bitmap.encodedJPEG(arena: arena)
          case "PNG": try bitmap.encodedPNG(arena: arena)
          case "lossy WebP": try bitmap.encodedWebP(arena: arena)
          default: try bitmap.encodedWebP(isLossless: true, arena: arena)
          }
        defer { encoded.dispose() }
        // WebP has no gray, so a gray picture is written as colours, and a gray profile would be wrong for them.
        let expected = kind.contains("WebP") && model == "GRAY" ? ColorProfile.sRGB : bitmap.colorProfile
        let info = try encoded.withBytes { try PictureInfo(probing: $0) }
        #expect(info.colorProfile == expected && info.width == 40 && info.height == 30, "\(kind) \(format)")
        let decoded = try encoded.withBytes { try Bitmap(decoding: $0, arena: arena) }
        #expect(decoded.colorProfile == expected)
        decoded.dispose()
        if expected != .sRGB {
          var limits = DecodingLimits()
          limits.colorProfileByteCount = 100_000
          let error = try bitmapError {
            try encoded.withBytes { _ = try Bitmap(decoding: $0, limits: limits, arena: arena).dispose() }
          }
          #expect(error.exceededLimit?.name == "colorProfileByteCount", "\(error)")
          limits = .default
          limits.embeddedByteCount = 10_000
          let another = try bitmapError {
            try encoded.withBytes { _ = try Bitmap(decoding: $0, limits: limits, arena: arena).dispose() }
          }
          #expect(another.exceededLimit?.name == "embeddedByteCount" && another.exceededLimit?.allowed == 10_000)
        }
      }
    }
  }

  @Test("ICC data that libpng complains about is kept, too", arguments: [PictureFormat.jpeg, .png, .webp])
  func faultyProfile(format: PictureFormat) throws {
    try withOwnArena { arena in
      // One has no tags and no illuminant; one has an intent that does not exist, and another illuminant; one has a tag
      // beyond the end.
      let bare = PixelFormatTests.icc("RGB ")
      var intent = Self.icc(byteCount: 300, model: "RGB ")
      intent.replaceSubrange(64..<80, with: [UInt8](repeating: 0x5A, count: 16))
      var tag = Self.icc(byteCount: 300, model: "RGB ")
      tag.replaceSubrange(136..<144, with: [UInt8](repeating: 0x7F, count: 8))
      for data in [bare, intent, tag] {
        var bitmap = try Bitmap(width: 20, height: 10, format: .rgb8, arena: arena)
        bitmap.colorProfile = try #require(ColorProfile(iccData: data))
        defer { bitmap.dispose() }
        let encoded = try bitmap.encoded(as: format, arena: arena)
        defer { encoded.dispose() }
        let decoded = try encoded.withBytes { try Bitmap(decoding: $0, arena: arena) }
        #expect(decoded.colorProfile.iccData == data)
        decoded.dispose()
      }
    }
  }

  @Test("EXIF data is passed on as it is in the file", .enabled(if: Corpus.isPresent, Corpus.absence))
  func exif() throws {
    let file = try Corpus.bytes("derived/rocket_exif_orient6.jpg")
    // SAFETY: an array of bytes is initialised throughout.
    let exif = try unsafe #require(try PictureInfo.exifData(of: file.span.bytes))
    let info = try unsafe PictureInfo(probing: file.span.bytes)
    #expect(exif.count == info.exifByteCount)
    #expect(exif.starts(with: Array("MM\0*".utf8)) || exif.starts(with: Array("II*\0".utf8)))
    #expect(unsafe ExifOrientation.read(in: BoundedReader(bytes: exif.span.bytes)) == .rotated90)
    let plain = try Corpus.bytes("derived/rocket_gray.jpg")
    #expect(try unsafe PictureInfo.exifData(of: plain.span.bytes) == nil)
  }
}
