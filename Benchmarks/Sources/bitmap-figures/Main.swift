// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CBenchmarkSupport
import NativeBuffers

/// Prints how long the operations of Bitmaps take, each alone on one thread. The pictures are drawn by this program.
///
///     swift run -c release --package-path Benchmarks bitmap-figures [WORD]
///
/// With WORD, only rows whose name contains it are run.
@main
struct Main {
  static func main() throws {
    let word = CommandLine.arguments.dropFirst().first ?? ""
    print("row                                   median ms   minimum   minor faults")
    for row in try Row.all() where word.isEmpty || row.name.contains(word) { try row.run() }
  }
}

/// One operation, done again and again with recycled memory.
struct Row {
  let name: String
  let body: () throws -> Void

  static let sampleCount = 21

  func run() throws {
    for _ in 0..<3 { try body() }
    var samples: [Double] = []
    let faultsBefore = bench_minor_faults()
    for _ in 0..<Self.sampleCount {
      let start = bench_nanoseconds()
      try body()
      samples.append(Double(bench_nanoseconds() - start) / 1e6)
    }
    let faults = Double(bench_minor_faults() - faultsBefore) / Double(Self.sampleCount)
    samples.sort()
    let columns = [samples[Self.sampleCount / 2], samples[0], faults].map { value in
      let text = "\((value * 100).rounded() / 100)"
      return String(repeating: " ", count: max(1, 11 - text.count)) + text
    }
    print(name + String(repeating: " ", count: max(1, 36 - name.count)) + columns.joined())
  }

  static func all() throws -> [Row] {
    var rows: [Row] = []
    let drawn = try Bitmap.drawn(width: 3840, height: 2160)
    for format in [PixelFormat.gray8, .rgb8, .rgba8] {
      let frame = try drawn.converted(to: format)
      for (width, height) in [(1920, 1080), (854, 480), (256, 144)] {
        for filter in [ResizeFilter.area, .bilinear, .lanczos3] {
          rows.append(
            Row(name: "4K to \(width), \(filter), \(format)") {
              try frame.resized(toWidth: width, height: height, filter: filter).dispose()
            })
        }
      }
    }
    for (from, to) in [((65_535, 1), (1, 65_535)), ((20_000, 100), (100, 20_000))] {
      let wide = try Bitmap(width: from.0, height: from.1, format: .gray8)
      rows.append(
        Row(name: "\(from.0)×\(from.1) to \(to.0)×\(to.1), lanczos3") {
          try wide.resized(toWidth: to.0, height: to.1, filter: .lanczos3).dispose()
        })
    }
    var glass = try drawn.converted(to: .rgba8)
    try glass.withMutablePixels(as: RGBA8.self) { rows in
      for y in rows.rows {
        for x in 0..<rows.width { rows[x, y].alpha = UInt8(truncatingIfNeeded: x &+ y) }
      }
    }
    for (width, height) in [(1920, 1080), (854, 480), (256, 144)] {
      rows.append(
        Row(name: "4K to \(width), area, translucent") {
          try glass.resized(toWidth: width, height: height, filter: .area).dispose()
        })
    }
    let small = try drawn.resized(toWidth: 1920, height: 1080)
    for format in [PixelFormat.gray8, .rgb8, .rgba8] {
      let frame = try small.converted(to: format)
      rows.append(Row(name: "1080p blur, sigma 2, \(format)") { try frame.blurred(sigma: 2).dispose() })
    }
    let smallGlass = try glass.resized(toWidth: 1920, height: 1080)
    rows.append(Row(name: "1080p blur, sigma 2, translucent") { try smallGlass.blurred(sigma: 2).dispose() })
    let opaque = try drawn.converted(to: .rgba8)
    rows.append(Row(name: "4K rgba8 to gray8") { try opaque.converted(to: .gray8).dispose() })
    rows.append(Row(name: "4K translucent to gray8") { try glass.converted(to: .gray8).dispose() })
    rows.append(Row(name: "4K rgb8 to gray8") { try drawn.converted(to: .gray8).dispose() })
    rows.append(Row(name: "4K rgb8 to rgba8") { try drawn.converted(to: .rgba8).dispose() })
    rows.append(Row(name: "4K rgba8 to rgb8") { try opaque.converted(to: .rgb8).dispose() })
    for orientation in [Orientation.mirrored, .flipped, .rotated90] {
      rows.append(Row(name: "4K rgba8 \(orientation)") { try opaque.oriented(orientation).dispose() })
    }
    rows.append(Row(name: "4K rgba8 difference") { _ = try opaque.difference(from: glass) })
    for format in [PixelFormat.gray8, .rgb8, .rgba8, .rgba8Premultiplied, .rgba16, .rgbaF32] {
      rows += try operations(on: small.converted(to: format), glass: smallGlass)
    }
    rows.append(Row(name: "1080p rgb8 as PNG") { try small.encodedPNG().dispose() })
    rows += try formats(drawn, glass)
    return rows
  }

  /// The operations that accept all formats, on a picture of 1080p.
  static func operations(on frame: Bitmap, glass: Bitmap) throws -> [Row] {
    let name = "1080p \(frame.format)"
    let soft = try ConvolutionKernel(weights: [Float](repeating: 1, count: 25))
    return [
      Row(name: "\(name) to 480, area") { try frame.resized(toWidth: 480, height: 270).dispose() },
      Row(name: "\(name) blur, sigma 2") { try frame.blurred(sigma: 2).dispose() },
      Row(name: "\(name) box, radius 2") { try frame.boxBlurred(radius: 2).dispose() },
      Row(name: "\(name) box, radius 200") { try frame.boxBlurred(radius: 200).dispose() },
      Row(name: "\(name) 3×3") { try frame.convolved(with: .sharpening).dispose() },
      Row(name: "\(name) 5×5") { try frame.convolved(with: soft).dispose() },
      Row(name: "\(name) under rgba8") { try frame.composited(with: glass).dispose() },
      Row(name: "\(name) histogram") { _ = try frame.histogram() },
      Row(name: "\(name) difference") { _ = try frame.difference(from: frame) },
    ]
  }
}
