// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// The result of a file does not depend on the pieces in which its bytes arrive.
@Suite("A damaged file has the same result whole and in pieces")
struct DamageAgreementTests {
  enum Outcome: Equatable {
    case picture(PictureInfo?, [PictureWarning], [UInt8])
    case error(BitmapError.Code, String, BitmapError.ExceededLimit?)
  }

  static let limits: DecodingLimits = {
    var limits = DecodingLimits()
    limits.pixelCount = 1 << 16
    limits.embeddedByteCount = 600
    limits.colorProfileByteCount = 400
    limits.workingMemoryByteCount = 1 << 20
    return limits
  }()

  private static func outcome(_ decode: () throws -> (PictureInfo?, Bitmap)) throws -> Outcome {
    do {
      let (info, bitmap) = try decode()
      return .picture(info, bitmap.decodingWarnings, try bitmap.takePacked())
    } catch let error as BitmapError {
      return .error(error.code, error.description, error.exceededLimit)
    }
  }

  static func whole(_ file: [UInt8], arena: Arena) throws -> Outcome {
    try outcome {
      let bitmap = try Bitmap.decode(file, limits: limits, arena: arena)
      // SAFETY: an array of bytes is initialised throughout.
      return (try unsafe PictureInfo(probing: file.span.bytes, limits: limits), bitmap)
    }
  }

  static func pieces(_ file: [UInt8], of size: Int, arena: Arena) throws -> Outcome {
    try outcome {
      var decoder = PictureDecoder(limits: limits, arena: arena)
      for start in stride(from: 0, to: file.count, by: size) {
        try LateMetadataTests.append(file[start..<min(start + size, file.count)], to: &decoder)
      }
      let info = decoder.info
      return (info, try decoder.finish())
    }
  }

  static func files(of format: PictureFormat, arena: Arena) throws -> [[UInt8]] {
    var files = try DamagedVariantTests.files(of: format).filter { $0.count <= 1500 }
    switch format {
    case .png: files += [CompletePictureTests.png, LateMetadataTests.png(exif: MetadataDecisionTests.exif)]
    case .webp: files.append(try LateMetadataTests.webP(exif: MetadataDecisionTests.exif, arena: arena))
    default: break
    }
    return files
  }

  @Test(
    "Whole and in pieces, a file that is cut at any place has the same result",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func cut(format: PictureFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 20_261_129)
      for (index, file) in try Self.files(of: format, arena: arena).prefix(20).enumerated() {
        let cuts = Set((0..<24).map { _ in Int.random(in: 0..<file.count, using: &generator) })
        for cut in cuts.union(max(0, file.count - 24)..<file.count) {
          let part = Array(file[..<cut])
          let whole = try Self.whole(part, arena: arena)
          let inPieces = try Self.pieces(part, of: Int.random(in: 1...40, using: &generator), arena: arena)
          #expect(whole == inPieces, "file \(index), cut to \(cut) of \(file.count)")
        }
      }
    }
  }

  @Test(
    "Whole and in pieces, a file with changed bytes has the same result",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func changed(format: PictureFormat) throws {
    try withOwnArena { arena in
      let seed: UInt64 = 20_261_130
      var generator = SeededGenerator(seed: seed)
      let files = try Self.files(of: format, arena: arena)
      var kinds: Set<String> = []
      for variant in 0..<1200 {
        var file = files[variant % files.count]
        for _ in 0..<Int.random(in: 1...2, using: &generator) {
          // Half of the changes are in the header; each changes one bit, or the whole byte.
          let place = Int.random(
            in: 2..<(Bool.random(using: &generator) ? min(80, file.count) : file.count), using: &generator)
          file[place] =
            Bool.random(using: &generator)
            ? file[place] ^ 1 << UInt8.random(in: 0...7, using: &generator)
            : UInt8.random(in: 0...255, using: &generator)
        }
        let whole = try Self.whole(file, arena: arena)
        let size = variant % 8 == 0 ? 1 : Int.random(in: 2...200, using: &generator)
        #expect(
          try whole == Self.pieces(file, of: size, arena: arena),
          "seed \(seed), variant \(variant), in pieces of \(size)")
        switch whole {
        case .picture: kinds.insert("picture")
        case .error(let code, _, let limit): kinds.insert(limit?.name ?? code.description)
        }
      }
      #expect(kinds.isSuperset(of: ["picture", "truncated"]) && kinds.count > 3, "\(kinds)")
    }
  }

  @Test("If the length of a chunk is damaged, the error never suggests a higher limit")
  func lengths() throws {
    try withOwnArena { arena in
      let png = CompletePictureTests.png
      for chunk in ["IHDR", "tEXt", "PLTE", "tRNS", "IDAT", "tIME", "IEND"] {
        let start = try CompletePictureTests.content(of: chunk, in: png).lowerBound - 8
        for byte in 0..<4 {
          for value in [0x01, 0x60, 0x7F, 0x80, 0xFF] as [UInt8] {
            var file = png
            file[start + byte] = value
            let whole = try Self.whole(file, arena: arena)
            for size in [1, 50] {
              #expect(try whole == Self.pieces(file, of: size, arena: arena), "\(chunk) \(byte) \(value)")
            }
            if case .error(let code, let words, _) = whole {
              #expect(
                [.corrupt, .truncated].contains(code) && !words.contains("limit"), "\(chunk) \(byte) \(value): \(words)"
              )
            }
          }
        }
      }
    }
  }
}
