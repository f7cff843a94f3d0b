// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CBenchmarkSupport
import NativeBuffers

/// Does this library's part of the work of Benchmarks/Peers/pictures.py: one kind of work, repeated, on one thread.
///
///     picture-peer frame FILE COUNT             JPEG → RGBA → 1080p → gray → blur σ 2 → drop
///     picture-peer resize FILE COUNT WIDTH HEIGHT
///     picture-peer blur FILE COUNT
///     picture-peer leftover FILE WIDTH HEIGHT   the rest of a pattern that the new size cannot show
///
/// For the first three, prints the milliseconds of each run in one line, and the minor faults of all runs in another
/// line. FILE is a JPEG; for `frame` and `resize` it has 3840×2160 pixels. The warm-up is not counted.
@main
struct Main {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.count >= 3, let number = Int(arguments[2]) else { return print("usage: see Main.swift") }
    let file = arguments[1]
    switch arguments[0] {
    case "frame":
      try measure(number) { try runFrame(file) }
    case "resize":
      guard let (width, height) = size(arguments.dropFirst(3)) else { return print("usage: see Main.swift") }
      let source = try Bitmap(decodingFileAt: file, format: .rgba8)
      try measure(number) { try source.resized(toWidth: width, height: height).dispose() }
    case "blur":
      let whole = try Bitmap(decodingFileAt: file, format: .rgba8)
      let source = try whole.resized(toWidth: 1920, height: 1080)
      try measure(number) { try source.blurred(sigma: 2).dispose() }
    case "leftover":
      guard let (width, height) = size(arguments.dropFirst(2)) else { return print("usage: see Main.swift") }
      let source = try Bitmap(decodingFileAt: file, format: .rgba8)
      print(try leftover(of: source.resized(toWidth: width, height: height)))
    default: print("usage: see Main.swift")
    }
  }

  static func runFrame(_ file: String) throws {
    let frame = try Bitmap(decodingFileAt: file, format: .rgba8)
    defer { frame.dispose() }
    let small = try frame.resized(toWidth: 1920, height: 1080)
    defer { small.dispose() }
    let gray = try small.converted(to: .gray8)
    defer { gray.dispose() }
    try gray.blurred(sigma: 2).dispose()
  }

  static func size(_ arguments: ArraySlice<String>) -> (Int, Int)? {
    let numbers = arguments.compactMap { Int($0) }
    return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
  }

  static func measure(_ count: Int, _ body: () throws -> Void) throws {
    for _ in 0..<10 { try body() }
    var samples = [Double](repeating: 0, count: count)
    let before = bench_minor_faults()
    for index in 0..<count {
      let start = bench_nanoseconds()
      try body()
      samples[index] = Double(bench_nanoseconds() - start) / 1e6
    }
    let faults = bench_minor_faults() - before
    print(samples.map { "\($0)" }.joined(separator: " "))
    print(faults)
  }

  /// The largest distance of a red value from the pattern's mean, 128. Values near the borders do not count.
  static func leftover(of bitmap: Bitmap) throws -> Int {
    try bitmap.withRow(bitmap.height / 2) { row in
      (8..<bitmap.width - 8).reduce(0) { most, x in
        max(most, abs(Int(unsafe row.unsafeLoad(fromByteOffset: 4 * x, as: UInt8.self)) - 128))
      }
    }
  }
}
