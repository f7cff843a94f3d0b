// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// The end of the compressed data of a PNG's pixels is treated in the same way wherever the data is cut into chunks.
@Suite("The checksum and the end of a PNG's compressed data")
struct CompressedDataTests {
  /// A file of 90×120 pixels of noise, whose compressed data has more than 8 KiB, with that data taken apart.
  private static let (file, data): ([UInt8], [UInt8]) = {
    var generator = SeededGenerator(seed: 11)
    let rows = (0..<120).map { _ in (0..<90).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    let file = PNGWriter(width: 90, height: 120, colorType: .gray, rows: rows).encoded()
    return (file, Array(file[41..<file.count - 16]))
  }()

  /// The same picture with this compressed data, cut into chunks at these places.
  private static func png(_ data: [UInt8], cutAt places: [Int]) -> [UInt8] {
    let ends = places.filter { $0 > 0 && $0 < data.count } + [data.count]
    var start = 0
    var chunks: [UInt8] = []
    for end in ends {
      chunks += PNGWriter.chunk("IDAT", Array(data[start..<end]))
      start = end
    }
    return file[..<33] + chunks + file.suffix(12)
  }

  /// The ways to cut: one chunk, cuts around the checksum and the last block's head, empty chunks, and chunks of a few
  /// bytes.
  private static func cuts(of data: [UInt8]) -> [[Int]] {
    let count = data.count
    return [[]] + (1...12).map { [count - $0] } + [
      [count - 4, count - 4, count - 2, count - 2], [8192], [8191, 8193],
    ]
      + [[count - 4, count - 3, count - 2, count - 1], Array(stride(from: 7, to: count, by: 7))]
  }

  /// The result of the file in each way to decode it.
  private static func outcomes(_ file: [UInt8], arena: Arena) throws -> [DamageAgreementTests.Outcome] {
    func outcome(_ decode: () throws -> Bitmap) throws -> DamageAgreementTests.Outcome {
      do {
        let bitmap = try decode()
        return .picture(nil, bitmap.decodingWarnings, try bitmap.takePacked())
      } catch let error as BitmapError {
        return .error(error.code, error.description, nil)
      }
    }
    return try [
      outcome { try Bitmap.decode(file, arena: arena) },
      outcome {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        for start in stride(from: 0, to: file.count, by: 1009) {
          try LateMetadataTests.append(file[start..<min(start + 1009, file.count)], to: &decoder)
        }
        return try decoder.finish()
      },
      outcome {
        var target = try Bitmap(width: 90, height: 120, format: .gray8, arena: arena)
        // SAFETY: an array of bytes is initialised throughout.
        do { try unsafe target.replacePixels(decoding: file.span.bytes, arena: arena) } catch {
          target.dispose()
          throw error
        }
        return target
      },
    ]
  }

  /// The same without the pixels.
  private static func brief(_ outcome: DamageAgreementTests.Outcome) -> String {
    switch outcome {
    case .picture(_, let warnings, let pixels): "a picture of \(pixels.count) bytes, \(warnings)"
    case .error(_, let words, _): words
    }
  }

  private static func expect(
    _ data: [UInt8], _ code: BitmapError.Code, says words: String, arena: Arena,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for cuts in cuts(of: data) {
      let file = png(data, cutAt: cuts)
      for outcome in try outcomes(file, arena: arena) {
        guard case .error(code, let text, _) = outcome, text.contains(words) else {
          Issue.record("cut at \(cuts.prefix(4)): \(brief(outcome))", sourceLocation: sourceLocation)
          continue
        }
      }
    }
  }

  private static func expect(
    _ data: [UInt8], pixels: [UInt8], _ codes: [PictureWarning.Code], arena: Arena,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for cuts in cuts(of: data) {
      for outcome in try outcomes(png(data, cutAt: cuts), arena: arena) {
        guard case .picture(_, let warnings, pixels) = outcome, warnings.map(\.code) == codes else {
          Issue.record("cut at \(cuts.prefix(4)): \(brief(outcome))", sourceLocation: sourceLocation)
          continue
        }
      }
    }
  }

  @Test("A wrong checksum of the compressed data is damage, at whatever places the data is cut into chunks")
  func checksum() throws {
    try withOwnArena { arena in
      let pixels = try Bitmap.decode(Self.file, arena: arena).takePacked()
      try Self.expect(Self.data, pixels: pixels, [], arena: arena)
      for byte in 1...4 {
        var data = Self.data
        data[data.count - byte] ^= 0x10
        try Self.expect(data, .corrupt, says: "incorrect data check", arena: arena)
      }
      // The same holds if something is behind it.
      var data = Self.data
      data[data.count - 1] ^= 1
      try Self.expect(data + [0, 0, 0], .corrupt, says: "incorrect data check", arena: arena)
      try Files.withTemporaryFolder { folder in
        try Files.write(Self.png(data, cutAt: [data.count - 2]), to: "\(folder)/picture.png")
        let error = try bitmapError {
          try Bitmap(thumbnailOfFileAt: "\(folder)/picture.png", width: 9, arena: arena).dispose()
        }
        #expect(error.code == .corrupt)
      }
    }
  }

  @Test("A missing checksum, or data without an end, is a damaged end, at whatever places the data is cut into chunks")
  func missingEnd() throws {
    try withOwnArena { arena in
      let pixels = try Bitmap.decode(Self.file, arena: arena).takePacked()
      for count in 1...4 { try Self.expect(Self.data.dropLast(count), pixels: pixels, [.damagedEnd], arena: arena) }
      // The head of the only block does not say any more that the block is the last one.
      var open = Self.data
      #expect(open[2] == 1)
      open[2] = 0
      try Self.expect(open.dropLast(4), pixels: pixels, [.damagedEnd], arena: arena)
      // There is no block of this kind.
      try Self.expect(open.dropLast(4) + [7, 7, 7, 7, 7, 7], pixels: pixels, [.damagedEnd], arena: arena)
    }
  }

  @Test("Data behind the last row, or behind the end, is irregular, at whatever places the data is cut into chunks")
  func surplus() throws {
    try withOwnArena { arena in
      let pixels = try Bitmap.decode(Self.file, arena: arena).takePacked()
      for count in [1, 3, 300] {
        try Self.expect(
          Self.data + [UInt8](repeating: 9, count: count), pixels: pixels, [.irregularData], arena: arena)
      }
      var rows = (0..<120).map { Array(pixels[$0 * 90..<($0 + 1) * 90]) }
      for count in [1, 20] {
        rows += [[UInt8]](repeating: rows[0], count: count)
        let longer = PNGWriter(width: 90, height: 120, colorType: .gray, rows: rows).encoded()
        try Self.expect(Array(longer[41..<longer.count - 16]), pixels: pixels, [.irregularData], arena: arena)
      }
      // The chunk's own checksum counts there, too.
      let file = Self.png(Self.data + [1, 2, 3], cutAt: [Self.data.count])
      var damaged = file
      damaged[damaged.count - 13] ^= 1
      #expect(try bitmapError { try Bitmap.decode(damaged, arena: arena).dispose() }.code == .corrupt)
      try Bitmap.decode(file, arena: arena).dispose()
    }
  }

  @Test(
    "Data with an invalid zlib header, or one byte too short, is an error, at whatever places it is cut into chunks")
  func heads() throws {
    try withOwnArena { arena in
      var data = Self.data
      data[1] ^= 1
      try Self.expect(data, .corrupt, says: "incorrect header check", arena: arena)
      try Self.expect(Self.data.dropLast(5), .corrupt, says: "Not enough image data", arena: arena)
      let empty = Self.file[..<33] + PNGWriter.chunk("IDAT", []) + Self.file.suffix(12)
      #expect(try bitmapError { try Bitmap.decode(Array(empty), arena: arena).dispose() }.code == .corrupt)
    }
  }
}
