// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Files that are cut, and files with changed bits")
struct DamagedFileTests {
  /// A part of the places at which a file is cut. It is so small that the parts keep all processors busy until the end.
  struct Part: CustomTestStringConvertible, Sendable {
    let name: String
    let cuts: [Int]

    var testDescription: String { "\(name) in \(cuts.count) places from \(cuts.first ?? 0) on" }
  }

  /// Every photo of the corpus, cut at every `step` bytes and also just before its last byte. The largest photo has
  /// several scans, and each cut in its last scan makes the test decode all other scans. So most of these cuts are made
  /// only with NATIVE_BUFFERS_STRESS=long, and a few are made always.
  static func parts(of names: [String], every step: Int) -> [Part] {
    names.flatMap { name -> [Part] in
      guard let count = try? Corpus.bytes(name).count else { return [] }
      let isLarge = !TestLength.isLong && name == "photos/seeding_by_Clements_Engelhardt.jpg" && step < 32_768
      let dense = isLarge ? lastScan(of: name) : count
      let cuts =
        Array(stride(from: 0, to: dense, by: step)) + Array(stride(from: dense, to: count, by: 65_536)) + [count - 1]
      return stride(from: 0, to: cuts.count, by: 128).map { start in
        Part(name: name, cuts: Array(cuts[start..<min(cuts.count, start + 128)]))
      }
    }
  }

  private static func lastScan(of name: String) -> Int {
    let file = (try? Corpus.bytes(name)) ?? []
    return file.indices.dropLast().last { file[$0] == 0xFF && file[$0 + 1] == 0xDA } ?? 0
  }

  static let photos: [String] = {
    let suffixes = [".jpg", ".png", ".webp"]
    return Corpus.names(in: "photos", suffixes: suffixes) + Corpus.names(in: "derived", suffixes: suffixes)
  }()

  /// The step is 512 bytes if there is time.
  static let cutPhotoParts = Corpus.isPresent ? parts(of: photos, every: TestLength.choose(8_192, long: 512)) : []

  /// Photos in several scans. One has 16 megapixels and 1.5 MB. libjpeg takes 66 ms for each part of it, which is three
  /// minutes for 2,900 parts: those are for NATIVE_BUFFERS_STRESS=long.
  static let endedPhotoParts =
    Corpus.isPresent
    ? parts(of: ["photos/seeding_by_Clements_Engelhardt.jpg"], every: TestLength.choose(32_768, long: 512))
      + parts(of: ["derived/rocket_progressive_420.jpg"], every: TestLength.choose(1_024, long: 512))
    : []

  @Test(
    "A photo that is cut gives an error, or all pixels if only its end is missing, and leaves nothing in the arena",
    .enabled(if: Corpus.isPresent, Corpus.absence), arguments: cutPhotoParts)
  func cutPhotos(part: Part) throws {
    let file = try Corpus.bytes(part.name)
    try withOwnArena { arena in
      let whole = try Bitmap.decode(file, minimumWidth: 64, arena: arena).takePacked()
      for cut in part.cuts {
        do {
          let bitmap = try Bitmap.decode(Array(file[..<cut]), minimumWidth: 64, arena: arena)
          // Only the end is missing, or a checksum, or a byte that libwebp does not need.
          #expect(cut > file.count - 40, "\(part.name) cut to \(cut) bytes")
          #expect(bitmap.decodingWarnings.map(\.code) == [.missingEnd], "\(part.name) cut to \(cut) bytes")
          #expect(try bitmap.takePacked() == whole, "\(part.name) cut to \(cut) bytes")
        } catch let error as BitmapError {
          #expect([.truncated, .corrupt].contains(error.code) || cut == 0, "\(error)")
        }
        try arena.expectEmpty("\(part.name) cut to \(cut) bytes")
      }
    }
  }

  /// If a file of several scans is cut, it is refused before libjpeg sees a scan. If an end is put behind the cut,
  /// libjpeg sees the scans.
  @Test(
    "A progressive photo that is cut at many places and then ended leaves nothing in the arena",
    .enabled(if: Corpus.isPresent, Corpus.absence), arguments: endedPhotoParts)
  func endedPhotos(part: Part) throws {
    let file = try Corpus.bytes(part.name)
    try withOwnArena { arena in
      var refused = 0
      for cut in part.cuts {
        do {
          try Bitmap.decode(file[..<cut] + [0xFF, 0xD9], minimumWidth: 64, arena: arena).dispose()
        } catch let error as BitmapError {
          #expect([.truncated, .corrupt, .notAPicture].contains(error.code), "\(error)")
          refused += 1
        }
        try arena.expectEmpty("\(part.name) cut to \(cut) bytes")
      }
      // If only scans are missing that such a small picture does not need, the picture is whole.
      #expect(refused > 0 || part.cuts[0] > 0)
    }
  }

  /// Small files that every clone can make.
  static func samples(arena: Arena) throws -> [[UInt8]] {
    let rows = (0..<40).map { y in (0..<120).map { UInt8(truncatingIfNeeded: $0 * 7 ^ y * 13) } }
    return [
      try JPEGDecodingTests.drawnJPEG(width: 120, height: 90, arena: arena),
      PNGWriter(width: 40, height: 40, colorType: .rgb, rows: rows).encoded(),
    ]
  }

  @Test("A small file that is cut at any byte is an error until the last of its pixels is there")
  func cutEverywhere() throws {
    try withOwnArena { arena in
      // The JPEG may lack its end marker, and a byte of which no bit is needed. The PNG may lack the last chunk, the
      // checksum of the pixels' chunk and the checksum of the compressed data in it.
      for (file, endByteCount) in zip(try Self.samples(arena: arena), [3, 20]) {
        let whole = try Bitmap.decode(file, arena: arena).takePacked()
        for cut in 0..<file.count {
          do {
            let bitmap = try Bitmap.decode(Array(file[..<cut]), arena: arena)
            #expect(cut >= file.count - endByteCount, "cut to \(cut) bytes")
            #expect(bitmap.decodingWarnings.map(\.code) == [.missingEnd])
            #expect(try bitmap.takePacked() == whole)
          } catch let error as BitmapError {
            #expect(cut < file.count - 2, "cut to \(cut) bytes")
            #expect([.truncated, .corrupt, .notAPicture].contains(error.code))
          }
          try arena.expectEmpty("cut to \(cut) bytes")
        }
      }
    }
  }

  @Test("A file with random changed bytes gives a picture or an error, and leaves nothing behind")
  func flipped() throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 20_261_122)
      var limits = DecodingLimits()
      limits.pixelCount = 1 << 20
      for file in try Self.samples(arena: arena) {
        for variant in 0..<400 {
          var changed = file
          for _ in 0..<Int.random(in: 1...4, using: &generator) {
            changed[Int.random(in: 0..<changed.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
          }
          do {
            try Bitmap.decode(changed, limits: limits, arena: arena).dispose()
          } catch let error as BitmapError {
            #expect(!error.reason.isEmpty)
          }
          try arena.expectEmpty("variant \(variant)")
        }
      }
    }
  }

  @Test(
    "After every cut, nothing is left on the codecs' own heap",
    .enabled(if: MallocCapture.isAvailable, "needs jemalloc's malloc, as LD_PRELOAD=libjemalloc.so.2 gives it"))
  func codecHeap() throws {
    try withOwnArena { arena in
      var files = try Self.samples(arena: arena)
      if Corpus.isPresent {
        for name in ["rocket_progressive_420.jpg", "rocket_cmyk.jpg", "coffee_palette64.png"] {
          files.append(try Corpus.bytes("derived/\(name)"))
        }
      }
      func attempt(_ bytes: [UInt8]) { _ = try? Bitmap.decode(bytes, arena: arena).dispose() }
      for file in files {
        let cuts = Array(stride(from: 0, to: file.count, by: 1024)) + [file.count]
        let prefixes = cuts.map { Array(file[..<$0]) }
        prefixes.forEach(attempt)  // What Swift makes only once is made now.
        for prefix in prefixes {
          let remainder = try MallocCapture.run { attempt(prefix) }.remainder
          #expect(remainder.count == 0, "\(remainder.byteCount) bytes left by a file cut to \(prefix.count)")
        }
      }
    }
  }

  @Test(
    "If any allocation fails, the pipeline throws and leaves nothing, or works, and the audit is clean each time",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func failingAllocations(format: PictureFormat) throws {
    try withOwnArena { arena in
      let picture = try Bitmap.drawn(width: 120, height: 90, variant: 3, arena: arena)
      let encoded = try picture.encoded(as: format, arena: arena)
      picture.dispose()
      let file = try encoded.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
      encoded.dispose()
      try Files.withTemporaryFolder { folder in
        let source = "\(folder)/source.jpg"
        try Files.write(file, to: source)
        let failures = try arena.failEachAllocation {
          let thumbnail = try Bitmap(thumbnailOfFileAt: source, width: 25, arena: arena)
          defer { thumbnail.dispose() }
          try thumbnail.encoded(as: format, arena: arena).dispose()
        }
        // The buffers are file, pixels, thumbnail, scratch and encoded picture. Of these small pictures, a JPEG and a
        // WebP are trimmed at the end.
        #expect(failures == ([.jpeg, .webp].contains(format) ? 6 : 5))
        #expect(Files.names(in: folder) == ["source.jpg"])
      }
    }
  }
}
