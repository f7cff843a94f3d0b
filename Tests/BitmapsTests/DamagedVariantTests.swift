// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// Small files of every format are damaged in many ways. Each becomes an error or a picture, and nothing stays behind:
/// not in the arena, and not on the C libraries' own heap.
@Suite("Thousands of damaged files")
struct DamagedVariantTests {
  /// Variants of each of the four formats; 6,000 in all.
  private static let variantCount = TestLength.choose(1_500, long: 100_000)

  /// Files that are in every clone, and for PNG also those of the corpus that have at most 2 KB.
  static func files(of format: PictureFormat) throws -> [[UInt8]] {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    parts.append("Fuzzing/Seeds/\(format.description.lowercased())")
    let folder = parts.joined(separator: "/")
    var files = try Files.names(in: folder).map { try Files.bytes("\(folder)/\($0)") }
    if format == .png, Corpus.isPresent {
      files += try Corpus.names(in: "pngsuite").map { try Corpus.bytes($0) }.filter { $0.count <= 2048 }
    }
    return files
  }

  /// The number of files that were pictures, and the number of files after which something was left in the arena.
  private struct Outcome {
    var pictures = 0
    var leftovers = 0
  }

  /// Decodes each file, and checks after each by the allocator's book whether the arena is empty. Nothing that this
  /// makes outlives it, except the numbers.
  private static func decode(_ files: [[UInt8]], arena: Arena) -> Outcome {
    var limits = DecodingLimits()
    limits.pixelCount = 1 << 16
    var outcome = Outcome()
    for file in files {
      // SAFETY: an array of bytes is initialised throughout.
      if let bitmap = try? unsafe Bitmap(decoding: file.span.bytes, limits: limits, arena: arena) {
        bitmap.dispose()
        outcome.pictures += 1
      }
      if !arena.isEmptyAfterTrimming { outcome.leftovers += 1 }
    }
    return outcome
  }

  /// Decodes a batch, and expects that the arena is empty after each file. If calls can be captured, it also expects
  /// that the batch left nothing behind on the C libraries' own heap.
  private static func expectNothingLeft(by batch: [[UInt8]], arena: Arena, _ comment: Comment) throws -> Int {
    guard MallocCapture.isAvailable else {
      let outcome = decode(batch, arena: arena)
      #expect(outcome.leftovers == 0, comment)
      return outcome.pictures
    }
    var (outcome, remainder) = try MallocCapture.run { decode(batch, arena: arena) }
    #expect(outcome.leftovers == 0, comment)
    if remainder.count > 0 {
      // What Swift makes only once was made in the first run. If a codec loses memory, it loses it again.
      remainder = try MallocCapture.run { decode(batch, arena: arena) }.remainder
    }
    #expect(remainder.count == 0, comment)
    return outcome.pictures
  }

  /// Expects that each part of a file is an error, or has all pixels of the whole and says what is missing. Returns the
  /// number of parts that are pictures.
  private static func expectWholePictures(
    _ parts: [[UInt8]], of file: [UInt8], arena: Arena, _ comment: Comment
  ) throws -> Int {
    // SAFETY: an array of bytes is initialised throughout.
    guard let whole = try? unsafe Bitmap(decoding: file.span.bytes, appliesOrientation: false, arena: arena) else {
      return 0
    }
    let pixels = try whole.takePacked()
    var count = 0
    for part in parts {
      // SAFETY: as above. The part with the orientation can be missing.
      guard let bitmap = try? unsafe Bitmap(decoding: part.span.bytes, appliesOrientation: false, arena: arena) else {
        continue
      }
      count += 1
      #expect(bitmap.decodingWarnings.contains { $0.code == .missingEnd }, comment)
      #expect(try bitmap.takePacked() == pixels, comment)
    }
    return count
  }

  @Test(
    "Files with random changed bytes give a picture or an error, and leave nothing behind",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func flipped(format: PictureFormat) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 20_261_124
      var generator = SeededGenerator(seed: seed)
      let files = try Self.files(of: format)
      #expect(Self.decode(files, arena: arena).pictures > 2)
      var pictures = 0
      let batchSize = 100
      for batch in 0..<Self.variantCount / batchSize {
        let variants = (0..<batchSize).map { index in
          var file = files[(batch * batchSize + index) % files.count]
          for _ in 0..<Int.random(in: 1...4, using: &generator) {
            file[Int.random(in: 0..<file.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
          }
          return file
        }
        pictures += try Self.expectNothingLeft(by: variants, arena: arena, "seed \(seed), batch \(batch)")
        try arena.expectEmpty("seed \(seed), batch \(batch)")
      }
      // A few bytes may get any value, so that not every variant is an error. Most damage must be noticed.
      #expect(pictures < Self.variantCount)
    }
  }

  @Test(
    "Files that are cut at any place give a picture or an error, and leave nothing behind",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func cut(format: PictureFormat) throws {
    try withOwnArena { arena in
      // Every byte is changed in the small files of the clone, and every 64th byte in those of the corpus.
      for (index, file) in try Self.files(of: format).enumerated() {
        let prefixes = stride(from: 0, to: file.count, by: index < 8 ? 7 : 64).map { Array(file[..<$0]) }
        let pictures = try Self.expectNothingLeft(by: prefixes, arena: arena, "file \(index)")
        let whole = try Self.expectWholePictures(prefixes, of: file, arena: arena, "file \(index) of \(format)")
        #expect(pictures == whole, "a part of file \(index) of \(format)")
        try arena.expectEmpty("file \(index)")
      }
    }
  }

  @Test(
    "All files of PngSuite, cut every 512 bytes, give a picture or an error, and leave nothing behind",
    .enabled(if: Corpus.isPresent, Corpus.absence))
  func cutSuite() throws {
    try withOwnArena { arena in
      let names = Corpus.names(in: "pngsuite")
      for name in names {
        let file = try Corpus.bytes(name)
        let prefixes = stride(from: 0, to: file.count, by: 512).map { Array(file[..<$0]) }
        let pictures = try Self.expectNothingLeft(by: prefixes, arena: arena, "\(name)")
        let whole = try Self.expectWholePictures(prefixes, of: file, arena: arena, "\(name)")
        #expect(pictures == whole, "\(name)")
        try arena.expectEmpty("\(name)")
      }
    }
  }
}

extension Bitmap {
  func encoded(as format: PictureFormat, arena: Arena) throws -> EncodedPicture {
    switch format {
    case .jpeg: try encodedJPEG(arena: arena)
    case .png: try encodedPNG(arena: arena)
    case .webp: try encodedWebP(arena: arena)
    default: try encodedNetpbm(arena: arena)
    }
  }
}
