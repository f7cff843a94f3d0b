import Bitmaps
import CBenchmarkSupport
import NativeBuffers

/// Prints what the operations of Bitmaps take, each alone on one thread, on pictures that are drawn and not read.
///
///     swift run -c release --package-path Benchmarks bitmap-figures [WORD]
///
/// Only rows whose name contains WORD are run, if it is given.
@main
struct Main {
  static func main() throws {
    let word = CommandLine.arguments.dropFirst().first ?? ""
    print("row                                   median ms   minimum   minor faults")
    for row in try Row.all() where word.isEmpty || row.name.contains(word) { try row.run() }
  }
}

/// One operation, done over and over with recycled memory.
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
    let glass = try drawn.converted(to: .rgba8)
    for y in 0..<glass.height {
      try glass.withMutableRow(y) { row in
        for x in 0..<glass.width {
          row.storeBytes(of: UInt8(truncatingIfNeeded: x &+ y), toByteOffset: 4 * x + 3, as: UInt8.self)
        }
      }
    }
    for (width, height) in [(1920, 1080), (854, 480), (256, 144)] {
      rows.append(
        Row(name: "4K to \(width), area, translucent") {
          try glass.resized(toWidth: width, height: height, filter: .area).dispose()
        })
    }
    return rows
  }
}
