// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("The first frame of an animation")
struct AnimationTests {
  private typealias Frame = WebPWriter.Animation.Frame

  /// A still picture's file, with or without loss, and with alpha if asked for.
  private static func still(
    width: Int, height: Int, hasAlpha: Bool, isLossless: Bool = true, variant: Int = 3, arena: Arena
  ) throws -> [UInt8] {
    let format: PixelFormat = hasAlpha ? .rgba8 : .rgb8
    let bitmap = try Bitmap.make(width: width, height: height, format: format, arena: arena) {
      UInt8(truncatingIfNeeded: $0 * (31 + variant) ^ $0 >> 5)
    }
    defer { bitmap.dispose() }
    let encoded = try bitmap.encodedWebP(isLossless: isLossless, arena: arena)
    defer { encoded.dispose() }
    return try encoded.copied()
  }

  private static func frame(_ still: [UInt8], x: Int = 0, y: Int = 0, width: Int, height: Int) -> Frame {
    Frame(pixels: WebPWriter.pixels(of: still), x: x, y: y, width: width, height: height)
  }

  /// The picture of a file that comes in pieces of `size` bytes, and what was known of it when all pieces were there.
  private static func inPieces(
    _ file: [UInt8], size: Int, format: PixelFormat? = nil, minimumWidth: Int? = nil, arena: Arena
  ) throws -> (pixels: [UInt8], info: PictureInfo?, knownBy: Int) {
    var decoder = PictureDecoder(minimumWidth: minimumWidth, arena: arena)
    var knownBy = file.count
    for start in stride(from: 0, to: file.count, by: size) {
      try LateMetadataTests.append(file[start..<min(start + size, file.count)], to: &decoder)
      if decoder.info != nil { knownBy = min(knownBy, decoder.byteCount) }
    }
    let info = decoder.info
    return (try decoder.finish(format: format).takePacked(), info, knownBy)
  }

  @Test(
    "If its first frame covers the canvas, an animation decodes like a still picture: whole, in pieces, in place",
    arguments: [true, false], [true, false])
  func covering(hasAlpha: Bool, isLossless: Bool) throws {
    try withOwnArena { arena in
      let still = try Self.still(width: 40, height: 30, hasAlpha: hasAlpha, isLossless: isLossless, arena: arena)
      let other = try Self.still(width: 40, height: 30, hasAlpha: true, variant: 5, arena: arena)
      let file = WebPWriter.Animation(
        width: 40, height: 30,
        frames: [still, other, other].map { Self.frame($0, width: 40, height: 30) }
      ).encoded()
      // SAFETY: an array of bytes is initialised throughout.
      let info = try unsafe PictureInfo(probing: file.span.bytes)
      #expect(info.width == 40 && info.height == 30 && info.frameCount == 3)
      #expect(info.pixelFormat == (hasAlpha ? .rgba8 : .rgb8) && info.embeddedByteCount == 0)
      for format in [nil, PixelFormat.rgba8, .gray8] {
        for minimumWidth in [nil, 10] {
          let expected = try Bitmap.decode(still, format: format, minimumWidth: minimumWidth, arena: arena).takePacked()
          let whole = try Bitmap.decode(file, format: format, minimumWidth: minimumWidth, arena: arena).takePacked()
          #expect(whole == expected)
          for size in [1, 7, 1000] {
            let found = try Self.inPieces(file, size: size, format: format, minimumWidth: minimumWidth, arena: arena)
            #expect(found.pixels == expected && found.info == info)
            #expect(found.knownBy <= WebPWriter.pixels(of: still).count + 80 + size)
          }
        }
      }
      var screen = try Bitmap(width: 40, height: 30, format: .rgba8, arena: arena)
      // SAFETY: as above.
      try unsafe screen.replacePixels(decoding: file.span.bytes, arena: arena)
      let expected = try Bitmap.decode(still, format: .rgba8, arena: arena).takePacked()
      #expect(try screen.takePacked() == expected)
      try FormatAgreementTests.expectAgreement(file, "an animation", arena: arena)
    }
  }

  @Test(
    "The part of the canvas that the first frame does not cover is transparent, whatever background the file names",
    arguments: [true, false])
  func partial(hasAlpha: Bool) throws {
    try withOwnArena { arena in
      let still = try Self.still(width: 12, height: 9, hasAlpha: hasAlpha, arena: arena)
      let frame = try Bitmap.decode(still, format: .rgba8, arena: arena).takePacked()
      for (x, y) in [(0, 0), (6, 4), (18, 12), (18, 0), (0, 12)] {
        let file = WebPWriter.Animation(
          width: 30, height: 21, frames: [Self.frame(still, x: x, y: y, width: 12, height: 9)], flags: 0x02
        ).encoded()
        var expected = [UInt8](repeating: 0, count: 30 * 21 * 4)
        for row in 0..<9 {
          let start = ((y + row) * 30 + x) * 4
          expected.replaceSubrange(start..<start + 48, with: frame[row * 48..<row * 48 + 48])
        }
        // SAFETY: an array of bytes is initialised throughout.
        let info = try unsafe PictureInfo(probing: file.span.bytes)
        #expect(info.width == 30 && info.height == 21 && info.pixelFormat == .rgba8 && info.frameCount == 1)
        #expect(try Bitmap.decode(file, arena: arena).takePacked() == expected)
        #expect(try Self.inPieces(file, size: 11, arena: arena).pixels == expected)
        // None of the pixels that were there before is left.
        var screen = try Bitmap.make(width: 30, height: 21, format: .rgba8, arena: arena) { _ in 77 }
        // SAFETY: as above.
        try unsafe screen.replacePixels(decoding: file.span.bytes, arena: arena)
        #expect(try screen.takePacked() == expected)
        // A frame that does not cover its canvas is decoded in the canvas's size.
        let reduced = try Bitmap.decode(file, minimumWidth: 4, arena: arena)
        #expect(try reduced.takePacked() == expected)
        try FormatAgreementTests.expectAgreement(file, "a frame at \(x), \(y)", arena: arena)
      }
    }
  }

  @Test("A thumbnail of an animation is a thumbnail of its first frame")
  func thumbnail() throws {
    try withOwnArena { arena in
      let still = try Self.still(width: 80, height: 60, hasAlpha: false, arena: arena)
      let frame = Self.frame(still, width: 80, height: 60)
      let file = WebPWriter.Animation(width: 80, height: 60, frames: [frame, frame]).encoded()
      try Files.withTemporaryFolder { folder in
        try Files.write(file, to: "\(folder)/animation.webp")
        try Files.write(still, to: "\(folder)/still.webp")
        let expected = try Bitmap(thumbnailOfFileAt: "\(folder)/still.webp", width: 16, arena: arena)
        let thumbnail = try Bitmap(thumbnailOfFileAt: "\(folder)/animation.webp", width: 16, arena: arena)
        #expect(thumbnail.width == 16 && thumbnail.height == 12)
        #expect(try thumbnail.takePacked() == expected.takePacked())
      }
    }
  }

  @Test("EXIF data at the end of an animation turns its canvas, and frames do not count as data beside the pixels")
  func turned() throws {
    try withOwnArena { arena in
      let still = try Self.still(width: 20, height: 10, hasAlpha: false, arena: arena)
      let frame = Self.frame(still, x: 2, y: 0, width: 20, height: 10)
      var animation = WebPWriter.Animation(width: 24, height: 10, frames: [frame, frame], flags: 0x0A)
      animation.after = [WebPWriter.chunk("EXIF", OrientationTests.exif(6, isLittle: true))]
      let file = animation.encoded()
      // SAFETY: an array of bytes is initialised throughout.
      let info = try unsafe PictureInfo(probing: file.span.bytes)
      #expect(info.uprightWidth == 10 && info.uprightHeight == 24 && info.frameCount == 2)
      #expect(info.embeddedByteCount == info.exifByteCount)
      let bitmap = try Bitmap.decode(file, arena: arena)
      defer { bitmap.dispose() }
      #expect(bitmap.width == 10 && bitmap.height == 24)
    }
  }

  @Test("An animation without a readable frame is damaged or truncated, and its error says so, also in pieces")
  func damaged() throws {
    try withOwnArena { arena in
      let still = try Self.still(width: 12, height: 8, hasAlpha: false, arena: arena)
      let good = Self.frame(still, width: 12, height: 8)
      func file(_ change: (inout Frame) -> Void) -> [UInt8] {
        var frame = good
        change(&frame)
        return WebPWriter.Animation(width: 12, height: 8, frames: [frame]).encoded()
      }
      let glass = WebPWriter.pixels(
        of: try Self.still(width: 12, height: 8, hasAlpha: true, isLossless: false, arena: arena))
      let alphaByteCount = Int(glass[4]) | Int(glass[5]) << 8
      let alphaEnd = 8 + alphaByteCount + alphaByteCount % 2
      let header = WebPWriter.chunk("VP8X", [2, 0, 0, 0, 11, 0, 0, 7, 0, 0])
      let cases: [(name: String, file: [UInt8])] = [
        ("no frame", WebPWriter.Animation(width: 12, height: 8, frames: []).encoded()),
        ("pixels in no frame", WebPWriter.container([header, good.pixels])),
        ("beside the canvas", file { $0.x = 2 }), ("below the canvas", file { $0.y = 2 }),
        ("larger than its pixels", file { $0.width = 10 }), ("no pixels", file { $0.pixels = [] }),
        ("other chunks first", file { $0.pixels = WebPWriter.chunk("ABCD", [1, 2]) + $0.pixels }),
        (
          "another chunk behind its alpha",
          file { $0.pixels = glass[..<alphaEnd] + WebPWriter.chunk("ABCD", [1, 2]) + glass[alphaEnd...] }
        ),
        ("alpha alone", file { $0.pixels = Array(glass[..<alphaEnd]) }),
        ("half its pixels", file { $0.pixels = Array($0.pixels[..<($0.pixels.count / 4 * 2)]) }),
      ]
      for (name, file) in cases {
        let error = try bitmapError("\(name)") { try Bitmap.decode(file, arena: arena).dispose() }
        #expect([.corrupt, .truncated].contains(error.code) && error.format == .webp, "\(name): \(error)")
        let inPieces = try bitmapError("\(name)") { _ = try Self.inPieces(file, size: 1, arena: arena) }
        #expect(inPieces.code == error.code && inPieces.reason == error.reason, "\(name): \(inPieces)")
      }
      let whole = file { _ in }
      for count in stride(from: 12, to: whole.count, by: 5) {
        let error = try bitmapError { try Bitmap.decode(Array(whole[..<count]), arena: arena).dispose() }
        #expect(error.code == .truncated, "\(count) of \(whole.count) bytes: \(error)")
      }
    }
  }

  @Test("A canvas has the same limits as a still picture")
  func limits() throws {
    try withOwnArena { arena in
      let still = try Self.still(width: 2, height: 2, hasAlpha: true, arena: arena)
      let frame = Self.frame(still, width: 2, height: 2)
      let bomb = WebPWriter.Animation(width: 60_000, height: 60_000, frames: [frame]).encoded()
      let errors = try [
        bitmapError { try Bitmap.decode(bomb, minimumWidth: 1, arena: arena).dispose() },
        bitmapError { _ = try Self.inPieces(bomb, size: 1, arena: arena) },
      ]
      for error in errors { #expect(error.exceededLimit?.name == "pixelCount", "\(error)") }
      // A canvas may have longer sides than a frame.
      let wide = WebPWriter.Animation(width: 40_000, height: 2, frames: [frame]).encoded()
      let bitmap = try Bitmap.decode(wide, arena: arena)
      defer { bitmap.dispose() }
      #expect(bitmap.width == 40_000)
    }
  }

  @Test("An animated PNG decodes to its still picture; frames are counted, and do not count as data beside the pixels")
  func animatedPNG() throws {
    try withOwnArena { arena in
      let still = PNGWriter(width: 2, height: 1, colorType: .gray, rows: [[7, 9]]).encoded()
      let number: (Int) -> [UInt8] = { WebPWriter.number($0, 4).reversed() }
      let control = PNGWriter.chunk("acTL", number(2) + number(0))
      func frame(_ index: Int) -> [UInt8] {
        PNGWriter.chunk("fcTL", number(index) + number(2) + number(1) + number(0) + number(0) + [0, 1, 0, 10, 0, 0])
      }
      let data = PNGWriter.chunk("fdAT", number(2) + Array(repeating: 1, count: 300))
      let file =
        Array(still[..<33]) + control + frame(0) + Array(still[33..<still.count - 12]) + frame(1) + data
        + Array(still.suffix(12))
      // SAFETY: an array of bytes is initialised throughout.
      let info = try unsafe PictureInfo(probing: file.span.bytes)
      #expect(info.frameCount == 2 && info.embeddedByteCount == 0)
      #expect(try unsafe PictureInfo(probing: still.span.bytes).frameCount == 1)
      var limits = DecodingLimits()
      limits.embeddedByteCount = 0
      #expect(try Bitmap.decode(file, limits: limits, arena: arena).takePacked() == [7, 9])
      #expect(try Self.inPieces(file, size: 1, arena: arena).info == info)
    }
  }

  @Test("A file of an animation with one frame is a picture", .enabled(if: Corpus.isPresent, Corpus.absence))
  func reported() throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes("reported/18-webp-animation-of-one-frame-refused.own.webp")
      let bitmap = try Bitmap.decode(file, arena: arena)
      defer { bitmap.dispose() }
      // SAFETY: an array of bytes is initialised throughout.
      #expect(try unsafe PictureInfo(probing: file.span.bytes).frameCount == 1)
      #expect(try Self.inPieces(file, size: 1, arena: arena).pixels == bitmap.packed())
    }
  }
}
