// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

/// libpng inflates the data behind the last row, and throws the result away.
@Suite("Compressed data behind the last row of a PNG")
struct SurplusDataTests {
  static let width = 1000

  /// A PNG that says it has 3 rows, and has more. Its data is stored, so that a byte of a row is a byte of the file.
  static func file(rowCount: Int) -> [UInt8] {
    let row = (0..<width).map { UInt8(truncatingIfNeeded: $0 * 7) }
    return PNGWriter(
      width: width, height: 3, colorType: .gray, rows: [[UInt8]](repeating: row, count: rowCount)
    ).encoded()
  }

  @Test(
    "A few additional rows are skipped, with a check for cancellation for each 8 KiB; the data may be cut there")
  func passedOver() async throws {
    let arena = try Arena(name: "surplus")
    let file = Self.file(rowCount: 60)
    try await MidwayCancellationTests.expectStops("surplus", arena: arena, remaining: 0, atLeast: file.count / 8192) {
      try Bitmap.decode(file, arena: arena).dispose()
    }
    let pixels = try Bitmap.decode(Self.file(rowCount: 3), arena: arena).takePacked()
    #expect(try Bitmap.decode(file, arena: arena).takePacked() == pixels)
    for cut in [12, 13, 20, 10_000] {
      let bitmap = try Bitmap.decode(file.dropLast(cut), arena: arena)
      #expect(bitmap.decodingWarnings.map(\.code) == [.missingEnd])
      #expect(try bitmap.takePacked() == pixels)
    }
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("More than 64 KiB and two rows of additional data is damage, whatever follows, and the rest is not read")
  func refused() throws {
    try withOwnArena { arena in
      let questions = [200, 400].map { rowCount in
        let asked = Atomic<Int>(0)
        let error = WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) {
          #expect(throws: BitmapError.self) { try Bitmap.decode(Self.file(rowCount: rowCount), arena: arena).dispose() }
        }
        #expect(error?.code == .corrupt && error?.description.contains("Too much image data") == true)
        return asked.load(ordering: .relaxed)
      }
      #expect(questions[0] == questions[1])
    }
  }

  @Test("Data behind the end of the compressed data in a chunk is allowed, and is not inflated")
  func behindTheEnd() throws {
    try withOwnArena { arena in
      let file = Self.file(rowCount: 3)
      let data = Array(file[41..<file.count - 16])
      let longer = file[..<33] + PNGWriter.chunk("IDAT", data + [UInt8](repeating: 7, count: 200_000)) + file.suffix(12)
      let pixels = try Bitmap.decode(file, arena: arena).takePacked()
      #expect(try Bitmap.decode(Array(longer), arena: arena).takePacked() == pixels)
    }
  }

  @Test("A last row that takes six times its size, because each byte is its own stored block, is not additional data")
  func storedBytes() throws {
    try withOwnArena { arena in
      let width = 20_000
      let raw = [0] + (0..<width).map { UInt8(truncatingIfNeeded: $0 * 7) }
      var data: [UInt8] = [0x78, 0x01]
      for (index, byte) in raw.enumerated() { data += [index == width ? 1 : 0, 1, 0, 0xFE, 0xFF, byte] }
      var (a, b) = (UInt32(1), UInt32(0))
      for byte in raw { (a, b) = ((a + UInt32(byte)) % 65_521, (b + a + UInt32(byte)) % 65_521) }
      let checksum = b << 16 | a
      for shift in [24, 16, 8, 0] { data.append(UInt8(truncatingIfNeeded: checksum >> shift)) }
      let plain = PNGWriter(width: width, height: 1, colorType: .gray, rows: [Array(raw.dropFirst())]).encoded()
      let file = plain[..<33] + PNGWriter.chunk("IDAT", data) + plain.suffix(12)
      let bitmap = try Bitmap.decode(Array(file), arena: arena)
      #expect(try bitmap.takePacked() == Array(raw.dropFirst()))
    }
  }
}
