// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Pixel formats")
struct PixelFormatTests {
  @Test(
    "The properties of each format are right",
    arguments: [
      (PixelFormat.gray8, 1, 1, false, false), (.grayAlpha8, 2, 2, true, false),
      (.grayAlpha8Premultiplied, 2, 2, true, true), (.rgb8, 3, 3, false, false), (.rgba8, 4, 4, true, false),
      (.rgba8Premultiplied, 4, 4, true, true), (.bgra8, 4, 4, true, false), (.bgra8Premultiplied, 4, 4, true, true),
      (.gray16, 1, 2, false, false), (.rgba16, 4, 8, true, false), (.grayF32, 1, 4, false, false),
      (.rgbaF32, 4, 16, true, false),
    ])
  func traits(format: PixelFormat, channels: Int, bytes: Int, hasAlpha: Bool, isPremultiplied: Bool) {
    #expect(format.channelCount == channels && format.bytesPerPixel == bytes)
    #expect(format.bytesPerChannel * channels == bytes && format.channel.byteCount == format.bytesPerChannel)
    #expect(format.hasAlpha == hasAlpha && format.isPremultiplied == isPremultiplied)
    #expect(format.isGray == (channels < 3))
    #expect(!format.straight.isPremultiplied && format.straight.bytesPerPixel == bytes)
    if let premultiplied = format.premultiplied {
      #expect(premultiplied.isPremultiplied && premultiplied.straight == format.straight)
    } else {
      #expect(!hasAlpha || format.channel != .uint8)
    }
  }

  @Test("There are twelve formats with different names")
  func all() {
    #expect(PixelFormat.all.count == 12 && Set(PixelFormat.all.map(\.description)).count == 12)
  }

  @Test("A profile keeps valid ICC data only, and fits formats of its own kind of colours")
  func profiles() throws {
    let rgb = try #require(ColorProfile(iccData: Self.icc("RGB ")))
    let gray = try #require(ColorProfile(iccData: Self.icc("GRAY")))
    let cmyk = try #require(ColorProfile(iccData: Self.icc("CMYK")))
    #expect(rgb.model == .rgb && gray.model == .gray && cmyk.model == .other && ColorProfile.sRGB.model == nil)
    for format in PixelFormat.all {
      #expect(rgb.fitting(format) == (format.isGray ? .sRGB : rgb))
      #expect(gray.fitting(format) == (format.isGray ? gray : .sRGB))
      #expect(cmyk.fitting(format) == .sRGB && ColorProfile.sRGB.fitting(format) == .sRGB)
    }
    var wrong = Self.icc("RGB ")
    wrong[3] ^= 1
    #expect(ColorProfile(iccData: wrong) == nil)
    wrong = Self.icc("RGB ")
    wrong[36] ^= 1
    #expect(ColorProfile(iccData: wrong) == nil)
    #expect(ColorProfile(iccData: Array(Self.icc("RGB ")[..<127])) == nil && ColorProfile(iccData: []) == nil)
  }

  /// The head of an ICC profile of 132 bytes without tags.
  static func icc(_ space: String) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 132)
    bytes[3] = 132
    bytes.replaceSubrange(16..<20, with: Array(space.utf8))
    bytes.replaceSubrange(36..<40, with: Array("acsp".utf8))
    return bytes
  }

  @Test("Operations keep the colour profile, and conversion keeps it if it fits the new format")
  func keeping() throws {
    try withOwnArena { arena in
      let profile = try #require(ColorProfile(iccData: Self.icc("RGB ")))
      var source = try Bitmap.drawn(width: 20, height: 10, arena: arena)
      source.colorProfile = profile
      let copy = source
      source.colorProfile = .sRGB
      #expect(copy.colorProfile == profile)
      let results = [
        try copy.resized(toWidth: 10, height: 5, arena: arena), try copy.resized(toWidth: 20, height: 10, arena: arena),
        try copy.blurred(sigma: 1, arena: arena), try copy.oriented(.flipped, arena: arena),
        try copy.converted(to: .rgba8, arena: arena), try copy.converted(to: .rgbaF32, arena: arena),
      ]
      for result in results { #expect(result.colorProfile == profile) }
      let gray = try copy.converted(to: .gray8, arena: arena)
      #expect(gray.colorProfile == .sRGB)
      for result in results + [gray, copy] { result.dispose() }
    }
  }
}
