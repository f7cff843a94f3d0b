// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

/// Writes WebP files chunk by chunk, so that tests can make any file: animations, and also broken ones.
enum WebPWriter {
  static func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    Array(name.utf8) + number(content.count, 4) + content + (content.count % 2 == 0 ? [] : [0])
  }

  static func container(_ chunks: [[UInt8]]) -> [UInt8] {
    let body = Array("WEBP".utf8) + chunks.flatMap(\.self)
    return Array("RIFF".utf8) + number(body.count, 4) + body
  }

  /// The chunks of alpha and pixels of a still picture's file.
  static func pixels(of file: [UInt8]) -> [UInt8] {
    var position = 12
    var found: [UInt8] = []
    while position + 8 <= file.count {
      let length = file[position + 4..<position + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let end = position + 8 + length + length % 2
      if ["ALPH", "VP8 ", "VP8L"].contains(String(decoding: file[position..<position + 4], as: UTF8.self)) {
        found += file[position..<end]
      }
      position = end
    }
    return found
  }

  /// An animation of frames; each has the pixels of a still picture's file at a place of the canvas.
  struct Animation {
    struct Frame {
      var pixels: [UInt8]
      var x = 0
      var y = 0
      var width: Int
      var height: Int
    }

    var width: Int
    var height: Int
    var frames: [Frame]
    /// The chunks between the header and the first frame, and those behind the last frame.
    var before: [[UInt8]] = []
    var after: [[UInt8]] = []
    /// The flags that the header has: alpha is 0x10, EXIF data 0x08, ICC data 0x20; 0x02 is for the animation.
    var flags: UInt8 = 0x12
    /// The background that the file names: blue, green, red, alpha.
    var background: [UInt8] = [1, 2, 3, 255]

    func encoded() -> [UInt8] {
      let header = WebPWriter.chunk(
        "VP8X", [flags, 0, 0, 0] + WebPWriter.number(width - 1, 3) + WebPWriter.number(height - 1, 3))
      let frames = frames.map { frame in
        WebPWriter.chunk(
          "ANMF",
          WebPWriter.number(frame.x / 2, 3) + WebPWriter.number(frame.y / 2, 3) + WebPWriter.number(frame.width - 1, 3)
            + WebPWriter.number(frame.height - 1, 3) + [100, 0, 0, 0] + frame.pixels)
      }
      let animation = WebPWriter.chunk("ANIM", background + [0, 0])
      return WebPWriter.container([header] + before + [animation] + frames + after)
    }
  }

  /// A lossless picture of 4×2 pixels of three colours, at 2 bits a pixel, which says that it has no alpha. The first
  /// row has the colours 0, 1, 2 and 3, and the last of these is not in the palette; the second row has 3, 3, 0 and 1.
  static func paletteOutOfRange() -> [UInt8] {
    var bits = Bits()
    bits.put(0x2F, 8)
    bits.put(3, 14)  // width less one
    bits.put(1, 14)
    bits.put(0, 4)  // no alpha, version 0
    bits.put(1, 1)  // a transformation:
    bits.put(3, 2)  // a palette
    bits.put(2, 8)  // of three colours
    bits.put(0, 1)  // without a cache of colours
    for symbols in [[20, 60], [10, 50], [30, 70], [0, 255], [0]] { bits.putCode(symbols) }
    // The first colour, and twice the difference that is added to the colour before: green, red, blue, alpha.
    for bit in [0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0] { bits.put(bit, 1) }
    bits.put(0, 3)  // no more transformations, no cache, no groups of codes
    for symbols in [[0x4F, 0xE4], [0], [0], [255], [0]] { bits.putCode(symbols) }
    bits.put(1, 1)  // four pixels in the green of one
    bits.put(0, 1)
    return container([chunk("VP8L", bits.bytes)])
  }

  private struct Bits {
    var bytes: [UInt8] = []
    private var count = 0

    mutating func put(_ value: Int, _ bitCount: Int) {
      for bit in 0..<bitCount {
        if count % 8 == 0 { bytes.append(0) }
        bytes[count / 8] |= UInt8(value >> bit & 1) << UInt8(count % 8)
        count += 1
      }
    }

    /// A code of one symbol, which takes no bits, or of two symbols, which take one bit each.
    mutating func putCode(_ symbols: [Int]) {
      put(1, 1)
      put(symbols.count - 1, 1)
      put(1, 1)  // the first symbol has 8 bits
      for symbol in symbols { put(symbol, 8) }
    }
  }
}
