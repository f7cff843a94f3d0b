// SPDX-License-Identifier: Apache-2.0

extension MutatedFile {
  private static let pngNames: [StaticString] = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND", "iCCP", "eXIf", "tEXt"]

  /// Repairs the signature, the lengths of chunks, the picture's size, the head and checksum of stored data, and the
  /// checksums of all chunks.
  func repairPNG() {
    write(0x8950_4E47, at: 0, byteCount: 4)
    write(0x0D0A_1A0A, at: 4, byteCount: 4)
    var position = 8
    var isFirstData = true
    while position + 12 <= count {
      let end = repairedEnd(ofChunkAt: position)
      if has("IHDR", at: position + 4), end - position == 12 + 13 {
        for side in [position + 8, position + 12] {
          write(Self.small(integer(at: side, byteCount: 4)), at: side, byteCount: 4)
        }
      }
      if isFirstData && has("IDAT", at: position + 4) {
        repairStoredData(position + 8..<end - 4)
        isFirstData = false
      }
      write(Int(crc32(position + 4..<end - 4)), at: end - 4, byteCount: 4)
      position = end
    }
  }

  /// Gives a chunk the length with which it ends where the next chunk starts, and returns that position.
  private func repairedEnd(ofChunkAt position: Int) -> Int {
    let length = integer(at: position, byteCount: 4)
    let end = position + 12 + length
    if end == count { return end }
    // The chunk's length is right if the name of the next chunk has four letters.
    if end <= count - 12, (end + 4..<end + 8).allSatisfy({ (0x41...0x7A).contains(self[$0]) }) { return end }
    let next = self.position(ofNextIn: Self.pngNames, from: position + 16).map { $0 - 4 } ?? count
    write(next - position - 12, at: position, byteCount: 4)
    return next
  }

  /// If a zlib stream begins with a stored block, makes the whole stream that one block. Its bytes are then the rows'
  /// filters and pixels, so mutations reach the code that runs after inflating.
  private func repairStoredData(_ range: Range<Int>) {
    guard range.count > 11, self[range.lowerBound + 2] <= 1 else { return }
    let data = range.lowerBound + 7..<range.upperBound - 4
    write(0x7801, at: range.lowerBound, byteCount: 2)
    self[range.lowerBound + 2] = 1  // stored, and the last block
    write(data.count, at: range.lowerBound + 3, byteCount: 2, isLittle: true)
    write(~data.count, at: range.lowerBound + 5, byteCount: 2, isLittle: true)
    var (a, b) = (1, 0)
    for position in data {
      a = (a + Int(self[position])) % 65_521
      b = (b + a) % 65_521
    }
    write(b << 16 | a, at: data.upperBound, byteCount: 4)
  }

  private func crc32(_ range: Range<Int>) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for position in range {
      crc ^= UInt32(self[position])
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
