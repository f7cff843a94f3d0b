// SPDX-License-Identifier: Apache-2.0

/// Sources: the WebP container specification (RFC 9649), RFC 6386 (VP8), sections 9.1 and 19.1, and the specification
/// of WebP's lossless data.
extension MutatedFile {
  private static let webPNames: [StaticString] = ["VP8 ", "VP8L", "ALPH", "ICCP", "EXIF", "XMP ", "ANIM", "ANMF"]
  private static let namesBehindFrames: [StaticString] = ["EXIF", "XMP ", "ANMF"]

  /// Repairs the container's size, the lengths of chunks, and the picture's size, which is in the pixels' chunk and in
  /// the extended header.
  func repairWebP() {
    // The container has an even number of bytes.
    let end = count & ~1
    guard end >= 30 else { return }
    write("RIFF", at: 0)
    write(end - 8, at: 4, byteCount: 4, isLittle: true)
    write("WEBP", at: 8)
    guard has("VP8X", at: 12) else {
      // There is one chunk. The first bytes of its content tell its kind.
      if self[20] == 0x2F {
        write("VP8L", at: 12)
      } else if integer(at: 23, byteCount: 3) == 0x9D012A {
        write("VP8 ", at: 12)
      }
      write(end - 20, at: 16, byteCount: 4, isLittle: true)
      _ = repairPixels(at: 12, end: end)
      return
    }
    write(10, at: 16, byteCount: 4, isLittle: true)
    var position = 30
    var isFirstFrame = true
    while position + 8 <= end {
      if has("ANMF", at: position) {
        let frameEnd = repairedEnd(ofWebPChunkAt: position, fileEnd: end, before: Self.namesBehindFrames)
        repairFrame(at: position, end: frameEnd, setsCanvas: isFirstFrame)
        isFirstFrame = false
        position = frameEnd
        continue
      }
      let chunkEnd = repairedEnd(ofWebPChunkAt: position, fileEnd: end)
      if let size = repairPixels(at: position, end: chunkEnd) {
        write(size.width - 1, at: 24, byteCount: 3, isLittle: true)
        write(size.height - 1, at: 27, byteCount: 3, isLittle: true)
      }
      position = chunkEnd
    }
  }

  /// Gives a chunk the length with which it ends where the next chunk starts, and returns that position.
  private func repairedEnd(
    ofWebPChunkAt position: Int, fileEnd: Int, before names: [StaticString] = webPNames
  ) -> Int {
    let length = integer(at: position + 4, byteCount: 4, isLittle: true)
    let end = position + 8 + length + length % 2
    if end == fileEnd { return end }
    if end < fileEnd, names.contains(where: { has($0, at: end) }) { return end }
    let next = self.position(ofNextIn: names, from: position + 8) ?? fileEnd
    write(min(next, fileEnd) - position - 8, at: position + 4, byteCount: 4, isLittle: true)
    return min(next, fileEnd)
  }

  /// Repairs the chunks in a frame, the frame's size and place, and, for the first frame, the size of the canvas.
  private func repairFrame(at start: Int, end: Int, setsCanvas: Bool) {
    guard end - start >= 32 else { return }
    let offsets = [start + 8, start + 11].map { place in
      let half = integer(at: place, byteCount: 3, isLittle: true) % 32
      write(half, at: place, byteCount: 3, isLittle: true)
      return 2 * half
    }
    var position = start + 24
    while position + 8 <= end {
      let chunkEnd = repairedEnd(ofWebPChunkAt: position, fileEnd: end)
      if let size = repairPixels(at: position, end: chunkEnd) {
        write(size.width - 1, at: start + 14, byteCount: 3, isLittle: true)
        write(size.height - 1, at: start + 17, byteCount: 3, isLittle: true)
        guard setsCanvas else { break }
        write(offsets[0] + size.width - 1, at: 24, byteCount: 3, isLittle: true)
        write(offsets[1] + size.height - 1, at: 27, byteCount: 3, isLittle: true)
      }
      position = chunkEnd
    }
  }

  /// Repairs the head of the pixels' data in the chunk at `position`.
  /// - Returns: the size of the picture; nil if the chunk is of another kind.
  private func repairPixels(at position: Int, end: Int) -> (width: Int, height: Int)? {
    let content = position + 8
    guard end - content >= 10 else { return nil }
    if has("VP8L", at: position) {
      self[content] = 0x2F
      // The head has 14 bits of width - 1, 14 bits of height - 1, one bit for alpha, and the version, which is 0.
      let bits = integer(at: content + 1, byteCount: 4, isLittle: true)
      let (width, height) = (Self.small(bits % 16_384 + 1), Self.small(bits >> 14 % 16_384 + 1))
      let repaired = width - 1 | (height - 1) << 14 | bits & 1 << 28
      write(repaired, at: content + 1, byteCount: 4, isLittle: true)
      return (width, height)
    }
    guard has("VP8 ", at: position) else { return nil }
    // The head has one bit that is 0 for a key frame, three bits of version, one bit for "shown", and 19 bits of the
    // first partition's length.
    let bits = integer(at: content, byteCount: 3, isLittle: true)
    let longest = end - content - 10
    let length = bits >> 5 <= longest ? bits >> 5 : longest / 2
    write(length << 5 | 1 << 4 | (bits >> 1 & 3) << 1, at: content, byteCount: 3, isLittle: true)
    write(0x9D012A, at: content + 3, byteCount: 3)
    let sides = [content + 6, content + 8].map { side in
      let bits = integer(at: side, byteCount: 2, isLittle: true)
      let dimension = Self.small(bits % 16_384)
      write(dimension | bits & ~16_383, at: side, byteCount: 2, isLittle: true)
      return dimension
    }
    return (sides[0], sides[1])
  }
}
