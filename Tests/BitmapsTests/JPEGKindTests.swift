// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Kinds of JPEG that are not decoded, and irregular data in those that are")
struct JPEGKindTests {
  @Test(
    "Lossless and hierarchical JPEG and JPEG-LS are unsupported, and the error names them, whatever comes before",
    arguments: [
      (0xC3, "lossless"), (0xC5, "hierarchical"), (0xC6, "hierarchical"), (0xC7, "hierarchical"), (0xCB, "lossless"),
      (0xCD, "hierarchical"), (0xCE, "hierarchical"), (0xCF, "hierarchical"), (0xC8, "extension"),
      (0xDE, "hierarchical"), (0xF7, "JPEG-LS"),
    ] as [(UInt8, String)])
  func named(marker: UInt8, word: String) throws {
    try withOwnArena { arena in
      var file = try ScanCompletenessTests.segments("baseline")
      let frame = try #require(file.frame)
      #expect(frame > 0)
      file.segments[frame].marker = marker
      let bytes = file.bytes
      let whole = try bitmapError { try Bitmap.decode(bytes, arena: arena).dispose() }
      #expect(whole.code == .unsupported && whole.reason.contains(word), "\(whole)")
      // SAFETY: an array of bytes is initialised throughout.
      let probed = try bitmapError { _ = try unsafe PictureInfo(probing: bytes.span.bytes) }
      #expect(probed.code == .unsupported && probed.reason == whole.reason)
      let (inPieces, byteCount) = try RecognitionTests.refusal(of: bytes, size: 1, arena: arena)
      #expect(inPieces?.code == .unsupported && inPieces?.reason == whole.reason)
      #expect(byteCount <= bytes.count)
    }
  }

  @Test(
    "If the header of such a frame is between two scans, the file is damaged",
    arguments: [0xC3, 0xC8, 0xDE, 0xF7] as [UInt8])
  func strayFrame(marker: UInt8) throws {
    try withOwnArena { arena in
      for name in ["sequential-scans", "progressive"] {
        var file = try ScanCompletenessTests.segments(name)
        let stray = JPEGSegments.Segment(marker: marker, content: [0, 4, 1, 2], data: [])
        file.segments.insert(stray, at: file.scans[1])
        ScanCompletenessTests.expect(file.bytes, "corrupt", arena: arena, "\(name)")
      }
    }
  }

  @Test(
    "If Adobe's segment has an unknown transform, colours are guessed with a warning; strict decoding gives an error")
  func guessedColors() throws {
    try withOwnArena { arena in
      for (name, known) in [("baseline", 1), ("progressive", 1), ("cmyk-no-marker", 2)] as [(String, UInt8)] {
        var plain = try ScanCompletenessTests.segments(name)
        plain.segments.removeAll { $0.marker == 0xE0 }  // A JFIF header would say what the colours are.
        func marked(_ transform: UInt8) -> [UInt8] {
          var file = plain
          let content = [0, 14] + Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, transform]
          file.segments.insert(.init(marker: 0xEE, content: content, data: []), at: 0)
          return file.bytes
        }
        let pixels = try Bitmap.decode(marked(known), arena: arena).takePacked()
        try CompletePictureTests.expect(marked(known), pixels: pixels, [], arena: arena)
        try CompletePictureTests.expect(marked(7), pixels: pixels, [.guessedColors], parts: ["Adobe"], arena: arena)
        try CompletePictureTests.expect(
          marked(7).dropLast(2), pixels: pixels, [.guessedColors, .missingEnd], arena: arena)
        var limits = DecodingLimits()
        limits.isStrict = true
        let error = try bitmapError { try Bitmap.decode(marked(7), limits: limits, arena: arena).dispose() }
        #expect(error.reason.contains("Colours may be wrong") && !error.reason.contains("no pixel depends"))
      }
    }
  }

  @Test("Bytes between two segments give a warning at any place, also if the end is missing")
  func strayBytes() throws {
    try withOwnArena { arena in
      for name in ["baseline", "sequential-scans", "progressive", "arithmetic-progressive"] {
        let whole = try ScanCompletenessTests.segments(name)
        let pixels = try Bitmap.decode(whole.bytes, arena: arena).takePacked()
        for index in whole.segments.indices.dropLast() where whole.segments[index].marker != 0xDA {
          for bytes in [[7], [0xFF, 0]] as [[UInt8]] {
            var file = whole
            file.segments[index].data = bytes
            try CompletePictureTests.expect(file.bytes, pixels: pixels, [.irregularData], arena: arena)
            guard !name.hasPrefix("arithmetic"), bytes == [7] else { continue }
            try CompletePictureTests.expect(
              file.bytes.dropLast(2), pixels: pixels, [.missingEnd, .irregularData], arena: arena)
          }
        }
      }
    }
  }

  @Test("Eight or more bytes behind the data of a scan give a warning; fewer may have been read ahead")
  func strayBytesBehindData() throws {
    try withOwnArena { arena in
      for name in ["baseline", "sequential-scans", "progressive"] {
        let whole = try ScanCompletenessTests.segments(name)
        let pixels = try Bitmap.decode(whole.bytes, arena: arena).takePacked()
        for scan in whole.scans {
          for count in 1...12 {
            var file = whole
            file.segments[scan].data += [UInt8](repeating: 0x55, count: count)
            let bitmap = try Bitmap.decode(file.bytes, arena: arena)
            let codes = bitmap.decodingWarnings.map(\.code)
            #expect(codes == [.irregularData] || (count < 8 && codes.isEmpty), "\(name), \(count) bytes")
            #expect(try bitmap.takePacked() == pixels)
          }
        }
      }
    }
  }
}
