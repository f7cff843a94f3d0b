// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// Scans that a small picture does not need are left out, and the pixels must be the same.
@Suite("Progressive JPEGs in reduced sizes")
struct ProgressiveScanTests {
  static let files = ["derived/rocket_progressive_420.jpg", "photos/seeding_by_Clements_Engelhardt.jpg"]
  /// Without the 16 megapixels of the second file in its whole size, if there is no time.
  static let reductions: [(name: String, denominator: Int)] = files.flatMap { name in
    [1, 2, 4, 8].filter { $0 > 1 || name == files[0] || TestLength.isLong }.map { (name, $0) }
  }
  static let djpeg = "/usr/bin/djpeg"

  /// What libjpeg-turbo's own program makes of a file: the pixels behind the header of a PGM or PPM.
  static func reference(_ path: String, denominator: Int, isGray: Bool, byteCount: Int) throws -> [UInt8] {
    try Files.withTemporaryFolder { folder in
      let output = "\(folder)/reference.pnm"
      let outcome = try Command.run(
        djpeg, ["-scale", "1/\(denominator)", "-outfile", output] + (isGray ? ["-grayscale"] : []) + [path])
      #expect(outcome.exitCode == 0, "\(outcome.errors)")
      return try Files.bytes(output).suffix(byteCount)
    }
  }

  @Test(
    "Pixels are the same as those of libjpeg's own program, to the last bit",
    .enabled(if: Corpus.isPresent, Corpus.absence),
    .enabled(if: FileManager.default.isExecutableFile(atPath: djpeg), "There is no djpeg (libjpeg-turbo-progs)."),
    arguments: reductions)
  func exact(name: String, denominator: Int) throws {
    try withOwnArena { arena in
      let info = try PictureInfo(probingFileAt: Corpus.path(name), arena: arena)
      let width = (info.width + denominator - 1) / denominator
      for format in [PixelFormat.rgb8, .gray8] {
        let bitmap = try Bitmap(
          decodingFileAt: Corpus.path(name), format: format, minimumWidth: width, arena: arena)
        #expect(bitmap.width == width)
        let pixels = try bitmap.takePacked()
        let expected = try Self.reference(
          Corpus.path(name), denominator: denominator, isGray: format == .gray8, byteCount: pixels.count)
        #expect(pixels == expected, "\(format)")
      }
    }
  }

  @Test(
    "A progressive JPEG that is cut is refused at any size, and bytes behind its end do not matter",
    .enabled(if: Corpus.isPresent, Corpus.absence))
  func cut() throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes(Self.files[0])
      let lastScan = try #require(file.indices.dropLast().last { file[$0] == 0xFF && file[$0 + 1] == 0xDA })
      let cuts = stride(from: 700, to: file.count - 3, by: TestLength.choose(389, long: 97))
      for count in Array(cuts) + [lastScan + 10] {
        let error = try bitmapError("\(count) bytes") {
          try Bitmap.decode(Array(file[..<count]), minimumWidth: 80, arena: arena).dispose()
        }
        #expect(error.code == .truncated, "\(count) bytes: \(error)")
        #expect(
          error.reason.contains("of its scans, the last is not whole") == (count < lastScan + 10),
          "\(count) bytes: \(error)")
      }
      let whole = try Bitmap.decode(file, minimumWidth: 80, arena: arena)
      #expect(whole.width == 80)
      let longer = try Bitmap.decode(file + [1, 2, 0xFF, 0xD8], minimumWidth: 80, arena: arena)
      #expect(try longer.takePacked() == whole.takePacked())
    }
  }

  @Test(
    "A damaged file whose last bytes are its end is not called truncated",
    .enabled(if: Corpus.isPresent, Corpus.absence)
  )
  func astray() throws {
    try withOwnArena { arena in
      var file = try Corpus.bytes(Self.files[0])
      let scans = file.indices.dropLast().filter { file[$0] == 0xFF && file[$0 + 1] == 0xDA }
      // In the first scan and in the last, there is a segment that says it continues beyond the end.
      for scan in [scans[0], try #require(scans.last)] {
        file.replaceSubrange(scan + 20..<scan + 24, with: [0xFF, 0xE5, 0xFF, 0xFF])
        let error = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
        #expect(error.code == .corrupt, "\(error)")
      }
    }
  }
}
