// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Compositing")
struct CompositingTests {
  /// The colours of an overlay's pixel as the lower picture has them.
  static func colors(of pixel: [Double], _ overlay: PixelFormat, on format: PixelFormat) -> [Double] {
    var colors = overlay.isGray ? [pixel[0], pixel[0], pixel[0]] : Array(pixel[..<3])
    if overlay.straight == .bgra8 { colors.reverse() }
    if format.isGray {
      return overlay.isGray ? [pixel[0]] : [0.299 * colors[0] + 0.587 * colors[1] + 0.114 * colors[2]]
    }
    return format.straight == .bgra8 ? colors.reversed() : colors
  }

  @Test(
    "At any offset, the result is within 1 of the definition, and what lies outside is cut off",
    arguments: PixelFormat.tested)
  func againstReference(format: PixelFormat) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 91
      var generator = SeededGenerator(seed: seed)
      for overlayFormat in PixelFormat.tested where overlayFormat.channel == format.channel {
        for (width, height) in randomSizes(4, upTo: 40, using: &generator) {
          let bottom = try Bitmap.random(width: width, height: height, format: format, arena: arena, using: &generator)
          defer { bottom.dispose() }
          let top = try Bitmap.random(
            width: Int.random(in: 1...40, using: &generator), height: Int.random(in: 1...40, using: &generator),
            format: overlayFormat, arena: arena, using: &generator)
          defer { top.dispose() }
          for opacity in [1, 0.37] {
            let (x, y) = (
              Int.random(in: -20...20, using: &generator), Int.random(in: -20...20, using: &generator)
            )
            try Self.check(bottom, top, x, y, opacity, arena: arena, "seed \(seed): \(width)×\(height)")
          }
        }
      }
    }
  }

  static func check(
    _ bottom: Bitmap, _ top: Bitmap, _ x: Int, _ y: Int, _ opacity: Double, arena: Arena, _ comment: Comment
  ) throws {
    let (under, over) = (try SampleReference(bottom), try SampleReference(top))
    let (format, full) = (bottom.format, bottom.format.fullValue)
    let colors = format.channelCount - (format.hasAlpha ? 1 : 0)
    let actual = try bottom.composited(with: top, atX: x, y: y, opacity: opacity, arena: arena)
    defer { actual.dispose() }
    let distance = try SampleReference.distance(of: actual) { column, row in
      let below = (0..<under.channels).map { under.value(column, row, $0) }
      let (topX, topY) = (column - x, row - y)
      // Outside of the overlay, hidden colours must stay, too: this is tested below.
      guard topX >= 0, topX < top.width, topY >= 0, topY < top.height else { return nil }
      let above = (0..<over.channels).map { over.value(topX, topY, $0) }
      let alpha = opacity * (top.format.hasAlpha ? (above.last ?? 0) / full : 1)
      let color = Self.colors(of: above, top.format, on: format)
      return below.indices.map { c in
        (c < colors ? opacity * color[c] : full * alpha) + (1 - alpha) * below[c]
      }
    }
    #expect(distance <= format.tolerance, "\(comment), \(top.format) at \(x), \(y)")
  }

  @Test(
    "Pixels outside of the overlay stay exactly as they were, also their hidden colours", arguments: PixelFormat.tested)
  func outside(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 92)
      let bottom = try Bitmap.random(width: 30, height: 20, format: format, arena: arena, using: &generator)
      defer { bottom.dispose() }
      let top = try Bitmap.random(width: 10, height: 10, format: format, arena: arena, using: &generator)
      defer { top.dispose() }
      let whole = try bottom.packed()
      for (x, y) in [
        (30, 0), (0, 20), (-10, 0), (0, -10), (Int.max, Int.max), (Int.min, Int.min), (Int.max, 0), (0, Int.min),
      ] {
        #expect(try bottom.composited(with: top, atX: x, y: y, arena: arena).takePacked() == whole)
      }
      let part = try bottom.composited(with: top, atX: 25, y: 15, arena: arena).takePacked()
      let size = format.bytesPerPixel
      for y in 0..<20 {
        for x in 0..<30 where x < 25 || y < 15 {
          let range = (y * 30 + x) * size..<(y * 30 + x + 1) * size
          #expect(part[range] == whole[range])
        }
      }
    }
  }

  @Test("An opaque overlay replaces the pixels, and a transparent one changes nothing")
  func extremes() throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 93)
      for format in PixelFormat.tested where !format.isFloat {
        let bottom = try Bitmap.random(
          width: 33, height: 9, format: format, isOpaque: true, arena: arena, using: &generator)
        defer { bottom.dispose() }
        let top = try Bitmap.random(
          width: 33, height: 9, format: format, isOpaque: true, arena: arena, using: &generator)
        defer { top.dispose() }
        #expect(try bottom.composited(with: top, arena: arena).takePacked() == top.packed())
        #expect(try bottom.composited(with: top, opacity: 0, arena: arena).takePacked() == bottom.packed())
      }
    }
  }

  @Test(
    "A picture of any format can be laid on a picture of any other format", arguments: PixelFormat.tested,
    PixelFormat.tested)
  func formats(format: PixelFormat, other: PixelFormat) throws {
    try withOwnArena { arena in
      let bottom = try Bitmap(width: 5, height: 4, format: format, arena: arena)
      defer { bottom.dispose() }
      // The overlay is white and opaque: the result is white, or as white as its alpha allows.
      var white = try Bitmap(width: 3, height: 2, format: other, arena: arena)
      defer { white.dispose() }
      for y in 0..<2 {
        try white.withMutableRow(y) { row in
          let sample = other.bytes(of: 1)
          for i in row.byteOffsets { row.storeBytes(of: sample[i % sample.count], toByteOffset: i, as: UInt8.self) }
        }
      }
      let result = try bottom.composited(with: white, atX: 1, y: 1, arena: arena)
      defer { result.dispose() }
      #expect(result.format == format)
      let samples = try result.samples()
      for y in 0..<4 {
        for x in 0..<5 {
          let isInside = (1..<4).contains(x) && (1..<3).contains(y)
          for c in 0..<format.channelCount {
            let expected = isInside ? format.fullValue : 0
            #expect(abs(samples[(y * 5 + x) * format.channelCount + c] - expected) <= format.tolerance / 10)
          }
        }
      }
    }
  }

  @Test(
    "Compositing in place has the same result and does not change copies, also for a picture on itself",
    arguments: PixelFormat.tested)
  func inPlace(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 94)
      var bottom = try Bitmap.random(width: 30, height: 20, format: format, arena: arena, using: &generator)
      let before = bottom
      let top = try Bitmap.random(width: 25, height: 9, format: .rgba8, arena: arena, using: &generator)
      for overlay in [top, before] {
        let expected = try bottom.composited(with: overlay, atX: -3, y: 4, opacity: 0.7, arena: arena).takePacked()
        try bottom.composite(with: overlay, atX: -3, y: 4, opacity: 0.7)
        #expect(try bottom.packed() == expected)
      }
      let onItself = try bottom.composited(with: bottom, atX: 2, y: 1, arena: arena).takePacked()
      let previous = bottom
      try bottom.composite(with: bottom, atX: 2, y: 1)
      #expect(try bottom.packed() == onItself)
      #expect(try before.packed() != onItself)
      for bitmap in [bottom, previous, before, top] { bitmap.dispose() }
    }
  }

  @Test("An opacity that makes no sense is refused", arguments: [-0.1, 1.1, .nan, .infinity])
  func nonsense(opacity: Double) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 10, height: 10, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      let error = try bitmapError { try bitmap.composited(with: bitmap, opacity: opacity, arena: arena).dispose() }
      #expect(error.code == .invalidArgument)
    }
  }
}
