// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Synchronization
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Resizing to fewer columns and more rows")
struct NarrowingTests {
  typealias Size = (width: Int, height: Int)

  /// How many numbers are read, multiplied and added, as the resizing itself counts them, rounded up to a million.
  private func spent(_ from: Size, _ to: Size, _ filter: ResizeFilter, format: PixelFormat, arena: Arena) throws -> Int
  {
    let bitmap = try Bitmap(width: from.width, height: from.height, format: format, arena: arena)
    defer { bitmap.dispose() }
    let asked = Atomic<Int>(0)
    try WorkPace.$interval.withValue(1_000_000) {
      try WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) {
        try bitmap.resized(toWidth: to.width, height: to.height, filter: filter, arena: arena).dispose()
      }
    }
    return asked.load(ordering: .relaxed) * 1_000_000
  }

  @Test(
    "Each source row is resampled once, and not again for each target row", arguments: [PixelFormat.gray8, .gray16])
  func once(format: PixelFormat) throws {
    try withOwnArena { arena in
      // Once per target row, it would be 65,535 times 65,535, and 20,000 rows of 20,000: 8,600 and 5,600 millions.
      let line = try spent((65_535, 1), (1, 65_535), .lanczos3, format: format, arena: arena)
      #expect(line <= 20_000_000)
      let band = try spent((20_000, 100), (100, 20_000), .lanczos3, format: format, arena: arena)
      #expect(band <= 60_000_000)
      let area = try spent((20_000, 100), (100, 20_000), .area, format: format, arena: arena)
      #expect(area <= 30_000_000)
    }
  }

  @Test("Scratch memory holds a few rows, however tall the pictures are")
  func scratch() throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 500, height: 300, format: .rgba8, arena: arena)
      defer { source.dispose() }
      let target = try Bitmap(width: 100, height: 9_000, format: .rgba8, arena: arena)
      defer { target.dispose() }
      for (filter, taps) in [(ResizeFilter.area, 3), (.bilinear, 3), (.lanczos3, 7)] {
        let layout = ResamplingLayout(from: source, to: target, filter: filter)
        #expect(layout.narrowed?.rowCount == taps)
        // The memory is for a source row, the target rows that are kept, one more row, and the axes.
        let rows = 4 * (500 * 4 + (taps + 1) * (100 * 4 + 32))
        let axes = [layout.horizontal, layout.vertical].reduce(0) { $0 + $1.target * (16 + 4 * $1.weightStride) }
        #expect(layout.scratch.byteCount <= rows + axes + 1_024)
      }
    }
  }

  @Test(
    "Pictures that do not become narrower and taller, or only a little, are resized in the usual order",
    arguments: [
      (3_840, 2_160, 1_920, 1_080), (3_840, 2_160, 1_000, 2_160), (100, 100, 400, 400), (100, 4_000, 400, 400),
      (4_000, 100, 40, 100), (400, 400, 390, 410),
    ])
  func usual(width: Int, height: Int, newWidth: Int, newHeight: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: width, height: height, format: .rgba8, arena: arena)
      defer { source.dispose() }
      let target = try Bitmap(width: newWidth, height: newHeight, format: .rgba8, arena: arena)
      defer { target.dispose() }
      for filter in ResizingTests.filters {
        let layout = ResamplingLayout(from: source, to: target, filter: filter)
        #expect(layout.narrowed == nil && layout.blended == nil)
      }
    }
  }

  @Test(
    "Results are within the documented error of the definition, in every format", arguments: PixelFormat.tested,
    ResizingTests.filters)
  func definition(format: PixelFormat, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 115)
      for (from, to) in [((64, 1), (1, 50)), ((90, 5), (7, 40)), ((33, 8), (3, 9)), ((21, 12), (1, 90))] {
        let source = try Bitmap.random(width: from.0, height: from.1, format: format, arena: arena, using: &generator)
        defer { source.dispose() }
        let reference = try SampleReference(source)
        let actual = try source.resized(toWidth: to.0, height: to.1, filter: filter, arena: arena)
        defer { actual.dispose() }
        #expect(ResamplingLayout(from: source, to: actual, filter: filter).narrowed != nil)
        let distance = try reference.distance(ofResized: actual, filter: filter)
        #expect(distance <= format.tolerance, "seed 115: \(from) to \(to)")
      }
    }
  }

  @Test(
    "In rows and columns of the largest length, rounding errors do not add up, so a flat picture stays as it is",
    arguments: [true, false],
    ResizingTests.filters)
  func long(isRow: Bool, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      let length = 65_535
      // For each format, the bytes of the greatest value.
      let formats: [(PixelFormat, tolerance: Double, bytes: [UInt8])] = [
        (.gray8, 0, [255]), (.gray16, 1, [255, 255]), (.grayF32, 0.00001, [0, 0, 0x80, 0x3F]),
      ]
      for (format, tolerance, bytes) in formats {
        let source = try Bitmap.make(
          width: isRow ? length : 1, height: isRow ? 1 : length, format: format, arena: arena
        ) { bytes[$0 % bytes.count] }
        defer { source.dispose() }
        for side in [1, 3] {
          let result = try source.resized(
            toWidth: isRow ? 1 : side, height: isRow ? side : 1, filter: filter, arena: arena)
          defer { result.dispose() }
          let distance = try result.samples().map { abs($0 - format.fullValue) }.max() ?? .infinity
          #expect(distance <= tolerance, "\(format) to \(result.width)×\(result.height)")
        }
      }
    }
  }

  @Test("If scratch memory for resizing cannot be allocated, the error says so")
  func noScratch() throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 1, height: 1, format: .gray8, arena: arena)
      defer { source.dispose() }
      // The first allocation is the picture.
      arena.failureCountdown.store(2, ordering: .relaxed)
      defer { arena.failureCountdown.store(0, ordering: .relaxed) }
      let error = try bitmapError { try source.resized(toWidth: 40_000, height: 1, arena: arena).dispose() }
      #expect(error.code == .outOfMemory)
      #expect(error.reason.contains(" bytes of scratch memory for resizing ("), "\(error)")
    }
  }
}
