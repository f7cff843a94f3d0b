// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// Pixels between two pages that must not be touched: a read or write there ends the process.
@Suite("Operations on pixels at the end of mapped memory")
struct GuardedMemoryTests {
  static let pageSize = 4096

  /// A bitmap of random pixels whose last byte is just before a forbidden page, or whose first byte is just behind one.
  static func bitmap(
    width: Int, height: Int, format: PixelFormat, atEnd: Bool, using generator: inout SeededGenerator
  ) throws -> Bitmap {
    let bytesPerRow = width * format.bytesPerPixel
    let byteCount = bytesPerRow * height
    let inner = (byteCount + pageSize - 1) / pageSize * pageSize
    let mapped = inner + 2 * pageSize
    let start = unsafe mmap(nil, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let area = try unsafe #require(start == MAP_FAILED ? nil : start)
    #expect(unsafe mprotect(area + pageSize, inner, PROT_READ | PROT_WRITE) == 0)
    let base = unsafe area + pageSize + (atEnd ? inner - byteCount : 0)
    let channels = byteCount / format.bytesPerChannel
    for i in 0..<channels {
      let value = Double.random(in: 0...1, using: &generator)
      switch format.channel {
      case .uint8: unsafe base.storeBytes(of: UInt8(value * 255), toByteOffset: i, as: UInt8.self)
      case .uint16: unsafe base.storeBytes(of: UInt16(value * 65_535), toByteOffset: 2 * i, as: UInt16.self)
      case .float32: unsafe base.storeBytes(of: Float(value), toByteOffset: 4 * i, as: Float.self)
      }
    }
    return try unsafe Bitmap(
      unsafeWrapping: base, width: width, height: height, bytesPerRow: bytesPerRow, format: format
    ) { base in
      let page = unsafe atEnd ? base - (inner - byteCount) - pageSize : base - pageSize
      unsafe munmap(page, mapped)
    }
  }

  @Test("Operations read and write nothing beside the pixels", arguments: PixelFormat.all, [true, false])
  func everyOperation(format: PixelFormat, atEnd: Bool) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 101)
      for (width, height) in [(1, 1), (3, 2), (16, 4), (17, 5), (33, 3), (66, 6), (261, 2)] {
        var bitmap = try Self.bitmap(
          width: width, height: height, format: format, atEnd: atEnd, using: &generator)
        for other in PixelFormat.all { try bitmap.converted(to: other, arena: arena).dispose() }
        for orientation in OrientationTests.all { try bitmap.oriented(orientation, arena: arena).dispose() }
        for filter in ResizingTests.filters {
          for size in [
            (max(1, width / 2), max(1, height / 2)), (width, height + 1), (2 * width, 2 * height), (1, 1),
            (max(1, width / 4), 3 * height),
          ] {
            try bitmap.resized(toWidth: size.0, height: size.1, filter: filter, arena: arena).dispose()
          }
        }
        try bitmap.blurred(sigma: 1.2, arena: arena).dispose()
        try bitmap.boxBlurred(radius: 2, arena: arena).dispose()
        for kernel in [ConvolutionKernel.sharpening, try ConvolutionKernel(weights: Array(repeating: 1, count: 25))] {
          try bitmap.convolved(with: kernel, arena: arena).dispose()
        }
        try bitmap.composited(with: bitmap, opacity: 0.5, arena: arena).dispose()
        _ = try bitmap.histogram()
        _ = try bitmap.difference(from: bitmap)
        try bitmap.encodedJPEG(arena: arena).dispose()
        if format.channel == .uint8 { try bitmap.encodedPNG(arena: arena).dispose() }
        // Pixels are also written: by a copy of rows into the bitmap, and by bands.
        let copy = try bitmap.copied(arena: arena)
        try bitmap.replacePixels(atX: 0, y: 0, with: copy)
        #expect(try bitmap.packed() == copy.packed() && bitmap.pixels.arena == nil)
        try bitmap.withMutableRowBands(jobs: 2, rowCount: 1) { band in
          for y in band.rows {
            for i in 0..<band.width { band[i, y] = 0 }
          }
        }
        copy.dispose()
        bitmap.dispose()
      }
    }
  }
}
