// SPDX-License-Identifier: Apache-2.0

/// Writes JPEGs of one gray, of any size, whose data consists of zeros: a bit or two for each block of 8×8 pixels. So
/// tests can have pictures as large as the photos of any camera without storing them.
struct FlatJPEG: Sendable {
  var width: Int
  var height: Int
  /// How many pixels share one value of colour in each direction: 1 is 4:4:4, 2 is 4:2:0.
  var sampling = 2
  var isProgressive = false

  private static func rounded(_ value: Int, up step: Int) -> Int { (value + step - 1) / step }

  private var squares: Int { Self.rounded(width, up: 8 * sampling) * Self.rounded(height, up: 8 * sampling) }

  private var blocksPerSquare: Int { sampling * sampling + 2 }

  /// The bytes that libjpeg keeps of a picture in several scans: 64 numbers of 16 bits for each block.
  var coefficientByteCount: Int { squares * blocksPerSquare * 128 }

  func encoded() -> [UInt8] {
    let sampled = UInt8(sampling << 4 | sampling)
    var file: [UInt8] = [0xFF, 0xD8] + segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    file += segment(
      isProgressive ? 0xC2 : 0xC0, [8] + number(height) + number(width) + [3, 1, sampled, 0, 2, 0x11, 0, 3, 0x11, 0])
    // Each table has one code, 0, for the value 0: no difference, and the end of a block.
    let table: [UInt8] = [1] + [UInt8](repeating: 0, count: 16)
    file += segment(0xC4, [0x00] + table + [0x10] + table)
    guard isProgressive else {
      return file + scan([1, 2, 3], 0...63, bitCount: squares * blocksPerSquare * 2) + [0xFF, 0xD9]
    }
    file += scan([1, 2, 3], 0...0, bitCount: squares * blocksPerSquare)
    for component: UInt8 in 1...3 {
      let step = component == 1 ? 8 : 8 * sampling
      file += scan(
        [component], 1...63, bitCount: Self.rounded(width, up: step) * Self.rounded(height, up: step))
    }
    return file + [0xFF, 0xD9]
  }

  private func scan(_ components: [UInt8], _ range: ClosedRange<UInt8>, bitCount: Int) -> [UInt8] {
    segment(
      0xDA, [UInt8(components.count)] + components.flatMap { [$0, 0] } + [range.lowerBound, range.upperBound, 0])
      + [UInt8](repeating: 0, count: Self.rounded(bitCount, up: 8))
  }

  private func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
    [0xFF, marker] + number(content.count + 2) + content
  }

  private func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
}
