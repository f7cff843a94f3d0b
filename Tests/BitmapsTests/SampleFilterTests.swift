// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Blurring, resizing and comparing in every format")
struct SampleFilterTests {
  @Test("A Gaussian blur is within the documented error of the definition", arguments: PixelFormat.tested)
  func blurring(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 111)
      for (width, height, sigma) in [(1, 1, 2.0), (1, 15, 1), (15, 1, 2), (33, 9, 1.3), (23, 17, 0.4)] {
        let source = try Bitmap.random(width: width, height: height, format: format, arena: arena, using: &generator)
        defer { source.dispose() }
        let reference = try SampleReference(source)
        let radius = Int((3 * sigma).rounded(.up))
        let curve = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
        let total = curve.reduce(0, +)
        let actual = try source.blurred(sigma: sigma, arena: arena)
        defer { actual.dispose() }
        let distance = try SampleReference.distance(of: actual) { x, y in
          (0..<reference.channels).map { c in
            var sum = 0.0
            for dy in -radius...radius {
              for dx in -radius...radius {
                sum += curve[dx + radius] * curve[dy + radius] * reference.value(x + dx, y + dy, c)
              }
            }
            return sum / (total * total)
          }
        }
        #expect(distance <= format.tolerance, "seed 111: \(width)×\(height), sigma \(sigma)")
      }
    }
  }

  @Test(
    "Resizing is within the documented error of the definition", arguments: PixelFormat.tested, ResizingTests.filters)
  func resizing(format: PixelFormat, filter: ResizeFilter) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 112)
      for (from, to) in [
        ((1, 1), (3, 2)), ((16, 10), (8, 5)), ((33, 21), (7, 9)), ((5, 7), (31, 11)), ((40, 3), (1, 1)),
        ((19, 30), (18, 13)),
      ] {
        let source = try Bitmap.random(width: from.0, height: from.1, format: format, arena: arena, using: &generator)
        defer { source.dispose() }
        let reference = try SampleReference(source)
        let actual = try source.resized(toWidth: to.0, height: to.1, filter: filter, arena: arena)
        defer { actual.dispose() }
        #expect(actual.format == format && actual.width == to.0 && actual.height == to.1)
        let distance = try reference.distance(ofResized: actual, filter: filter)
        #expect(distance <= format.tolerance, "seed 112: \(from) to \(to)")
      }
    }
  }

  @Test("Maximum, root mean square and PSNR agree with the definition", arguments: PixelFormat.tested)
  func difference(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 113)
      for (width, height) in [(1, 1), (7, 5), (63, 20)] {
        let a = try Bitmap.random(width: width, height: height, format: format, arena: arena, using: &generator)
        defer { a.dispose() }
        let b = try Bitmap.random(width: width, height: height, format: format, arena: arena, using: &generator)
        defer { b.dispose() }
        let distances = zip(try a.samples(), try b.samples()).map { abs($0 - $1) }
        let mean = distances.reduce(0) { $0 + $1 * $1 } / Double(distances.count)
        let difference = try a.difference(from: b)
        #expect(difference.maximum == distances.max() && difference.fullValue == format.fullValue)
        #expect(abs(difference.rootMeanSquare - mean.squareRoot()) <= 1e-9 * format.fullValue)
        let ratio = 20 * log10(format.fullValue / mean.squareRoot())
        #expect(mean == 0 || abs(difference.peakSignalToNoiseRatio - ratio) < 1e-6)
        #expect(try a.difference(from: a).peakSignalToNoiseRatio == .infinity)
      }
    }
  }

  @Test("A NaN makes the difference NaN, and is counted in a histogram")
  func notANumber() throws {
    try withOwnArena { arena in
      var a = try Bitmap(width: 2, height: 1, format: .grayF32, arena: arena)
      let b = a
      try a.withMutableRow(0) { row in row.storeBytes(of: Float.nan, toByteOffset: 4, as: Float.self) }
      let difference = try a.difference(from: b)
      #expect(difference.maximum.isNaN && difference.rootMeanSquare.isNaN)
      #expect(try a.histogram().channels[0][0] == 2)
      a.dispose()
      b.dispose()
    }
  }

  @Test(
    "Operations on crops and on rows with padding have the same result as on packed copies",
    arguments: PixelFormat.tested)
  func crops(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 114)
      let whole = try Bitmap.random(width: 40, height: 20, format: format, arena: arena, using: &generator)
      defer { whole.dispose() }
      let crop = try whole.cropped(to: PixelRect(x: 3, y: 2, width: 21, height: 11))
      let copy = try crop.copied(context: .init(arena: arena, file: #fileID, line: #line, function: #function))
      defer { copy.dispose() }
      let operations: [(Bitmap) throws -> Bitmap] = [
        { try $0.boxBlurred(radius: 2, arena: arena) }, { try $0.convolved(with: .sharpening, arena: arena) },
        { try $0.composited(with: $0, atX: 4, y: -3, arena: arena) }, { try $0.blurred(sigma: 1, arena: arena) },
        { try $0.resized(toWidth: 9, height: 5, arena: arena) },
      ]
      for operation in operations {
        let result = try operation(crop)
        #expect(try result.takePacked() == operation(copy).takePacked())
      }
      #expect(try crop.histogram() == copy.histogram())
      #expect(try crop.difference(from: copy).maximum == 0)
    }
  }
}
