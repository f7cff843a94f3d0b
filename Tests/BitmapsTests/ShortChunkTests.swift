// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// libwebp takes all data behind the pixels' header for pixels. So the data that it gets must end at the end of their
/// chunk.
@Suite("WebP chunks that are too short for their pixels")
struct ShortChunkTests {
  private struct Chunk {
    let name: String
    var content: [UInt8]
  }

  private struct Kind {
    let name: String
    let chunks: [Chunk]
  }

  private static let (width, height) = (40, 24)

  /// What the encoder makes of a picture, as chunks of alpha and pixels.
  private static func kinds(arena: Arena) throws -> [Kind] {
    try [("lossless", PixelFormat.rgb8, true), ("lossy", .rgb8, false), ("lossy with alpha", .rgba8, false)].map {
      name, format, isLossless in
      var generator = SeededGenerator(seed: 7)
      let noise = (0..<4 * width * height).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let bitmap = try Bitmap.make(width: width, height: height, format: format, arena: arena) { noise[$0] }
      defer { bitmap.dispose() }
      let encoded = try bitmap.encodedWebP(isLossless: isLossless, arena: arena)
      defer { encoded.dispose() }
      var rest = WebPWriter.pixels(of: try encoded.copied())[...]
      var chunks: [Chunk] = []
      while rest.count >= 8 {
        let length = rest.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        let content = Array(rest.dropFirst(8).prefix(length))
        chunks.append(Chunk(name: String(decoding: rest.prefix(4), as: UTF8.self), content: content))
        rest = rest.dropFirst(8 + length + length % 2)
      }
      return Kind(name: name, chunks: chunks)
    }
  }

  /// The same chunks as a plain file, if that is possible, and with 3 KB of EXIF data behind them: in a still picture,
  /// and in an animation of one frame.
  private static func files(of chunks: [Chunk]) -> [(name: String, bytes: [UInt8])] {
    let pixels = chunks.flatMap { WebPWriter.chunk($0.name, $0.content) }
    let exif = WebPWriter.chunk("EXIF", MetadataDecisionTests.exif + [UInt8](repeating: 0x5A, count: 3000))
    let header = WebPWriter.chunk(
      "VP8X", [0x18, 0, 0, 0] + WebPWriter.number(width - 1, 3) + WebPWriter.number(height - 1, 3))
    var animation = WebPWriter.Animation(
      width: width, height: height, frames: [.init(pixels: pixels, width: width, height: height)], flags: 0x1A)
    animation.after = [exif]
    let plain = chunks.count == 1 ? [("plain", WebPWriter.container([pixels]))] : []
    return plain + [("extended", WebPWriter.container([header, pixels, exif])), ("animation", animation.encoded())]
  }

  private static func inPieces(_ file: [UInt8], size: Int, arena: Arena) throws -> Bitmap {
    var decoder = PictureDecoder(limits: .default, arena: arena)
    for start in stride(from: 0, to: file.count, by: size) {
      try LateMetadataTests.append(file[start..<min(start + size, file.count)], to: &decoder)
    }
    return try decoder.finish()
  }

  private static func expectCorrupt(_ file: [UInt8], _ comment: String, arena: Arena) throws {
    let whole = try bitmapError("\(comment)") { try Bitmap.decode(file, arena: arena).dispose() }
    #expect(whole.code == .corrupt && whole.format == .webp, "\(comment): \(whole)")
    let reduced = try bitmapError("\(comment)") { try Bitmap.decode(file, minimumWidth: 8, arena: arena).dispose() }
    #expect(reduced.code == .corrupt, "\(comment): \(reduced)")
    for size in [61, 1000] {
      let error = try bitmapError("\(comment)") { try inPieces(file, size: size, arena: arena).dispose() }
      #expect(error.code == .corrupt && error.reason == whole.reason, "\(comment), in pieces of \(size): \(error)")
    }
  }

  @Test("If the last bytes of alpha or pixels are missing, a still or animated picture is damaged, whatever follows")
  func cut() throws {
    try withOwnArena { arena in
      for kind in try Self.kinds(arena: arena) {
        for (name, file) in Self.files(of: kind.chunks) {
          try Bitmap.decode(file, arena: arena).dispose()
          #expect(try Self.inPieces(file, size: 7, arena: arena).takePacked().count > 0, "\(kind.name), \(name)")
        }
        for index in kind.chunks.indices {
          for count in [1, 2, 3, 5, 10, 500] {
            var chunks = kind.chunks
            chunks[index].content.removeLast(count)
            for ((name, file), whole) in zip(Self.files(of: chunks), Self.files(of: kind.chunks)) {
              let comment = "\(kind.name), \(name), \(chunks[index].name) without \(count) bytes"
              // The lossy coder ends with bits that only fill up the last bytes. No pixel needs them.
              if count <= 3, chunks[index].name == "VP8 ", let bitmap = try? Bitmap.decode(file, arena: arena) {
                let pixels = try Bitmap.decode(whole.bytes, arena: arena).takePacked()
                #expect(try bitmap.takePacked() == pixels, "\(comment)")
                continue
              }
              try Self.expectCorrupt(file, comment, arena: arena)
            }
          }
        }
      }
    }
  }

  @Test("A chunk that is too short for the header of its pixels is damaged")
  func headless() throws {
    try withOwnArena { arena in
      for kind in try Self.kinds(arena: arena) {
        var chunks = kind.chunks
        let last = chunks.count - 1
        for count in 0..<(chunks[last].name == "VP8L" ? 5 : 10) {
          chunks[last].content = Array(kind.chunks[last].content.prefix(count))
          for (name, file) in Self.files(of: chunks) where file.count >= 30 {
            try Self.expectCorrupt(file, "\(kind.name), \(name), \(count) bytes", arena: arena)
          }
        }
      }
    }
  }

  @Test("Pixels that continue beyond the end of their container, or that are in no chunk, are damaged")
  func outside() throws {
    try withOwnArena { arena in
      for kind in try Self.kinds(arena: arena) {
        for (name, file) in Self.files(of: kind.chunks) {
          // The container ends one byte before the end of the last chunk of pixels.
          let content = kind.chunks[kind.chunks.count - 1].content
          let start = try #require((0...file.count - content.count).first { file[$0...].starts(with: content) })
          var short = file
          short.replaceSubrange(4..<8, with: WebPWriter.number(start + content.count - 1 - 8, 4))
          try Self.expectCorrupt(short, "\(kind.name), \(name)", arena: arena)
        }
      }
      let content = try Self.kinds(arena: arena)[0].chunks[0].content
      try Self.expectCorrupt(WebPWriter.container([content]), "no chunk", arena: arena)
    }
  }
}
