// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// Netpbm's `pngtopam` is an independent program over libpng. What it makes of a file is read here by this package's
/// own code.
@Suite("PngSuite, compared with another program")
struct PngSuiteTests {
  static let tool = "/usr/bin/pngtopam"
  static let isToolPresent = FileManager.default.isExecutableFile(atPath: tool)

  /// RGB pictures with one transparent colour: pngtopam 11.01 makes all of their pixels opaque. So only colours are
  /// compared.
  private static let unseenTransparency: Set = [
    "pngsuite/tbbn2c16.png", "pngsuite/tbgn2c16.png", "pngsuite/tbrn2c08.png",
  ]

  /// The file as PAM, with alpha if it has any.
  private static func converted(_ path: String, in folder: String) throws -> [UInt8] {
    let target = "\(folder)/picture.pam"
    let outcome = try Command.run("/bin/sh", ["-c", "exec \"$0\" -alphapam \"$1\" >\"$2\"", tool, path, target])
    #expect(outcome.exitCode == 0, "\(path)")
    return try Files.bytes(target)
  }

  @Test(
    "Valid files decode to the same pixels as with pngtopam",
    .enabled(if: Corpus.isPresent, Corpus.absence),
    .enabled(if: isToolPresent, "There is no pngtopam: install netpbm."))
  func pixels() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let names = Corpus.names(in: "pngsuite").filter { !$0.contains("/x") }
        #expect(names.count == 161)
        for name in names {
          let path = Corpus.path(name)
          let expected = try Bitmap.decode(Self.converted(path, in: folder), format: .rgba8, arena: arena)
          let actual = try Bitmap(decodingFileAt: path, format: .rgba8, arena: arena)
          #expect(actual.width == expected.width && actual.height == expected.height, "\(name)")
          var (ours, theirs) = (try actual.takePacked(), try expected.takePacked())
          if Self.unseenTransparency.contains(name) {
            // Counted by hand in the file: this many pixels have the colour that its tRNS chunk calls transparent.
            #expect(stride(from: 3, to: ours.count, by: 4).count { ours[$0] == 0 } == 453)
            for i in stride(from: 3, to: ours.count, by: 4) { (ours[i], theirs[i]) = (0, 0) }
          }
          // Both programs round samples that do not have 8 bits to the nearest.
          #expect(maximumDifference(ours, theirs) == 0, "\(name)")
        }
      }
    }
  }
}
