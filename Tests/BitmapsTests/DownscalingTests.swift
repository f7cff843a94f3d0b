// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Downscaling")
struct DownscalingTests {
  @Test("A copy in the same size is exact, also in the colours of transparent pixels")
  func copy() throws {
    try withOwnArena { arena in
      let source = try Bitmap.make(width: 9, height: 5, format: .rgba8, arena: arena) { $0 % 4 == 3 ? 0 : UInt8($0) }
      defer { source.dispose() }
      let copy = try source.downscaled(toWidth: 9, height: 5, arena: arena)
      #expect(copy.pixels !== source.pixels)
      #expect(try copy.takePacked() == source.packed())
    }
  }

  @Test("A downscaled photo is within 1 of the definition", .enabled(if: Corpus.isPresent, Corpus.absence))
  func photo() throws {
    try withOwnArena { arena in
      let source = try Bitmap(
        decodingFileAt: Corpus.path("derived/chelsea_alpha_odd301x199.png"), arena: arena)
      defer { source.dispose() }
      for filter in ResizingTests.filters {
        try ResizingTests.check(source, to: (64, 42), filter, arena: arena, "chelsea")
      }
    }
  }

  @Test("The colours of transparent pixels do not affect the average")
  func transparency() throws {
    try withOwnArena { arena in
      let pixels: [UInt8] = [255, 0, 0, 0, 0, 100, 0, 255, 255, 0, 0, 0, 0, 100, 0, 255]
      let source = try Bitmap.make(width: 4, height: 1, format: .rgba8, arena: arena) { pixels[$0] }
      defer { source.dispose() }
      let result = try source.downscaled(toWidth: 1, height: 1, arena: arena).takePacked()
      #expect(result == [0, 100, 0, 128])
    }
  }

  @Test(
    "If only a width is given, proportions stay the same, and nothing is enlarged",
    arguments: [
      (400, 300, 100, 100, 75), (1000, 1, 10, 10, 1), (5312, 2988, 256, 256, 144), (10, 30, 256, 10, 30),
      (3, 1000, 1, 1, 333),
    ])
  func proportions(width: Int, height: Int, newWidth: Int, expectedWidth: Int, expectedHeight: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: width, height: height, format: .gray8, arena: arena)
      defer { source.dispose() }
      let result = try source.downscaled(toWidth: newWidth, arena: arena)
      defer { result.dispose() }
      #expect(result.width == expectedWidth && result.height == expectedHeight)
    }
  }

  @Test("Sizes that make no sense are refused", arguments: [(0, 1), (1, 0), (-1, 1), (11, 1), (1, 11)])
  func nonsense(width: Int, height: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 10, height: 10, format: .rgb8, arena: arena)
      defer { source.dispose() }
      let error = try bitmapError {
        try source.downscaled(toWidth: width, height: height, arena: arena).dispose()
      }
      #expect(error.code == .invalidArgument)
    }
  }
}
