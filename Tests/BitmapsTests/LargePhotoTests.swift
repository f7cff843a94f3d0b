// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Photos of current phones and cameras")
struct LargePhotoTests {
  /// The sides of the largest pictures that phones and cameras on sale write.
  static let cameras: [(name: String, width: Int, height: Int)] = [
    ("phone, 50 MP", 8192, 6144), ("phone, 108 MP", 12_000, 9000), ("phone, 200 MP, as Samsung has it", 16_320, 12_240),
    ("phone, 200 MP, 4:3", 16_384, 12_288), ("medium format, 150 MP", 14_204, 10_652),
    ("sixteen exposures, 240 MP", 19_008, 12_672), ("in the camera's own JPEG, 403 MP", 24_576, 16_384),
    ("several exposures, 404 MP", 23_200, 17_400), ("several exposures, 407 MP", 23_296, 17_472),
  ]

  @Test("The default limits allow the pictures of all these cameras, in colours with alpha; progressive ones in 4:2:0")
  func defaults() throws {
    for camera in Self.cameras {
      for isProgressive in [false, true] {
        let coefficients = FlatJPEG(width: camera.width, height: camera.height).coefficientByteCount
        let info = PictureInfo(
          format: .jpeg, width: camera.width, height: camera.height, pixelFormat: .rgb8, isProgressive: isProgressive,
          codecByteCount: isProgressive ? coefficients : 0)
        try DecodingLimits.default.check(info, denominator: 1)
        try DecodingLimits.default.check(info, width: camera.width, height: camera.height, format: .rgba8)
      }
    }
    // The pictures of phones are also tested in 4:4:4.
    let whole = FlatJPEG(width: 16_384, height: 12_288, sampling: 1).coefficientByteCount
    #expect(whole <= DecodingLimits.default.workingMemoryByteCount)
  }

  @Test("A thumbnail of 200 megapixels can be made within limits for a hundredth of the pixels")
  func thumbnail() throws {
    try withOwnArena { arena in
      let file = FlatJPEG(width: 16_320, height: 12_240).encoded()
      var limits = DecodingLimits()
      limits.pixelCount = 2040 * 1530
      limits.pixelByteCount = 2040 * 1530 * 3 + 1530 * 64
      limits.workingMemoryByteCount = 8 << 20
      let bitmap = try Bitmap.decode(file, minimumWidth: 2040, limits: limits, arena: arena)
      defer { bitmap.dispose() }
      #expect(bitmap.width == 2040 && bitmap.height == 1530)
      try bitmap.withRow(1529) { row in
        // SAFETY: the last byte of the row's pixels.
        let last = unsafe row.unsafeLoad(fromByteOffset: 2040 * 3 - 1, as: UInt8.self)
        #expect(last == 128)
      }
      let whole = try bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() }
      #expect(whole.exceededLimit?.name == "pixelCount" && whole.exceededLimit?.needed == 16_320 * 12_240)
    }
  }

  @Test("Limits apply to the pixels that are decoded: whole, in pieces, and if the picture is turned")
  func counted() throws {
    try withOwnArena { arena in
      let upright = FlatJPEG(width: 320, height: 160).encoded()
      let exif = Array("Exif\0\0".utf8) + OrientationTests.exif(6, isLittle: true)
      let turned = Array(upright[..<2]) + [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif + Array(upright[2...])
      let webp = try Bitmap.drawn(width: 320, height: 160, variant: 3, arena: arena)
      defer { webp.dispose() }
      let encoded = try webp.encodedWebP(arena: arena)
      defer { encoded.dispose() }
      // At 1/4 of its size, each has 80×40 pixels.
      for (file, minimumWidth) in [(upright, 80), (turned, 40), (try encoded.copied(), 80)] {
        var limits = DecodingLimits()
        limits.pixelCount = 80 * 40
        let bitmap = try Bitmap.decode(file, minimumWidth: minimumWidth, limits: limits, arena: arena)
        #expect(bitmap.width == minimumWidth)
        bitmap.dispose()
        #expect(try Self.inPieces(file, minimumWidth: minimumWidth, limits: limits, arena: arena) == minimumWidth)
        limits.pixelCount -= 1
        let errors = try [
          bitmapError { try Bitmap.decode(file, minimumWidth: minimumWidth, limits: limits, arena: arena).dispose() },
          bitmapError { _ = try Self.inPieces(file, minimumWidth: minimumWidth, limits: limits, arena: arena) },
        ]
        for error in errors {
          #expect(error.exceededLimit == .init(name: "pixelCount", needed: 3200, allowed: 3199, unit: "pixels"))
          #expect(error.reason.contains("3200 pixels at 1/4 of its sides"), "\(error)")
        }
      }
      // A picture that is not made smaller is refused at its header.
      var limits = DecodingLimits()
      limits.pixelCount = 320 * 160 - 1
      var decoder = PictureDecoder(limits: limits, arena: arena)
      let error = try bitmapError { try LateMetadataTests.append(upright[..<300], to: &decoder) }
      #expect(error.exceededLimit?.needed == 320 * 160 && upright.count > 300)
    }
  }

  /// The width of the picture of a file that comes in pieces.
  private static func inPieces(
    _ file: [UInt8], minimumWidth: Int, limits: DecodingLimits, arena: Arena
  ) throws -> Int {
    var decoder = PictureDecoder(minimumWidth: minimumWidth, limits: limits, arena: arena)
    for start in stride(from: 0, to: file.count, by: 64) {
      try LateMetadataTests.append(file[start..<min(start + 64, file.count)], to: &decoder)
    }
    let bitmap = try decoder.finish()
    defer { bitmap.dispose() }
    return bitmap.width
  }

  @Test("The default limits allow a progressive photo of 50 megapixels in 4:4:4")
  func progressive() throws {
    try withOwnArena { arena in
      let picture = FlatJPEG(width: 8192, height: 6144, sampling: 1, isProgressive: true)
      let bitmap = try Bitmap.decode(picture.encoded(), minimumWidth: 1024, arena: arena)
      #expect(bitmap.width == 1024 && bitmap.height == 768)
      bitmap.dispose()
      var limits = DecodingLimits()
      limits.workingMemoryByteCount = picture.coefficientByteCount - 1
      let error = try bitmapError {
        try Bitmap.decode(picture.encoded(), minimumWidth: 1024, limits: limits, arena: arena).dispose()
      }
      #expect(error.exceededLimit?.name == "workingMemoryByteCount")
      #expect(error.exceededLimit?.needed == 8192 * 6144 * 6)
    }
  }

  @Test(
    "The default limits allow whole photos of 113, 200 and 403 megapixels",
    .enabled(if: TestLength.isLong, "It takes 3 GB and half a minute; set NATIVE_BUFFERS_STRESS=long."),
    arguments: [
      FlatJPEG(width: 12_288, height: 9216, isProgressive: true), FlatJPEG(width: 16_320, height: 12_240),
      FlatJPEG(width: 16_320, height: 12_240, isProgressive: true), FlatJPEG(width: 24_576, height: 16_384),
    ])
  func whole(picture: FlatJPEG) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.decode(picture.encoded(), format: .rgba8, arena: arena)
      defer { bitmap.dispose() }
      #expect(bitmap.width == picture.width && bitmap.height == picture.height)
    }
  }
}
