// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Inks of a CMYK JPEG")
struct CMYKTests {
  /// A JPEG of four components without colour transform. Each block of 8×8 pixels has the same four samples throughout.
  private static func file(width: Int, height: Int, samples: (_ x: Int, _ y: Int) -> [Int]) -> [UInt8] {
    func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
    func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
      [0xFF, marker] + number(content.count + 2) + content
    }
    var file: [UInt8] = [0xFF, 0xD8] + segment(0xDB, [0] + [UInt8](repeating: 8, count: 64))
    file += segment(
      0xC0, [8] + number(8 * height) + number(8 * width) + [4] + (1...4).flatMap { [UInt8($0), 0x11, 0] })
    // Differences have a code of four bits for the number of their bits, 0 to 9, and the end of a block has the code 0.
    let lengths: [UInt8] = [0, 0, 0, 10] + [UInt8](repeating: 0, count: 12)
    file += segment(0xC4, [0x00] + lengths + (0...9).map { UInt8($0) })
    file += segment(0xC4, [0x10] + [1] + [UInt8](repeating: 0, count: 15) + [0])
    file += segment(0xDA, [4] + (1...4).flatMap { [UInt8($0), 0x00] } + [0, 63, 0])
    var (bits, bitCount) = (0, 0)
    func write(_ value: Int, _ count: Int) {
      (bits, bitCount) = (bits << count | value, bitCount + count)
      while bitCount >= 8 {
        bitCount -= 8
        let byte = UInt8(bits >> bitCount & 255)
        file += byte == 0xFF ? [byte, 0] : [byte]
      }
      bits &= 1 << bitCount - 1
    }
    var last = [128, 128, 128, 128]
    for y in 0..<height {
      for x in 0..<width {
        let next = samples(x, y)
        for component in 0..<4 {
          let difference = next[component] - last[component]
          let count = Int.bitWidth - abs(difference).leadingZeroBitCount
          write(count, 4)
          write(difference < 0 ? difference + (1 << count) - 1 : difference, count)
          write(0, 1)
        }
        last = next
      }
    }
    write(127, 7)
    return file + [0xFF, 0xD9]
  }

  @Test("For every ink value and every black value, the product is rounded to the nearest")
  func products() throws {
    try withOwnArena { arena in
      // The samples of cyan, magenta and yellow in a row are all numbers; those of black are the row's number.
      let (width, height) = (86, 256)
      func ink(_ x: Int, _ component: Int) -> Int { min(255, 3 * x + component) }
      let file = Self.file(width: width, height: height) { x, y in (0..<3).map { ink(x, $0) } + [y] }
      let bitmap = try Bitmap.decode(file, format: .rgb8, arena: arena)
      try #require(bitmap.width == 8 * width && bitmap.height == 8 * height)
      let pixels = try bitmap.takePacked()
      var wrong: [String] = []
      for y in 0..<height {
        for x in 0..<width {
          for component in 0..<3 {
            let found = Int(pixels[3 * (8 * y * 8 * width + 8 * x) + component])
            let product = Double(ink(x, component) * y) / 255
            if found != Int(product.rounded()) { wrong.append("\(ink(x, component)) and \(y): \(found)") }
          }
        }
      }
      #expect(wrong == [])
    }
  }
}
