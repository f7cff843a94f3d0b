// SPDX-License-Identifier: Apache-2.0

import Bitmaps

/// libFuzzer's own mutation.
@_silgen_name("LLVMFuzzerMutate")
private func mutate(_ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int, _ maximum: Int) -> Int

/// Mutates an input, and then repairs the parts that decoders check first: signatures, the sizes of chunks, and
/// checksums. Without repair, nearly every input would be refused at these checks, and the code behind them would never
/// run. One input in eight is not repaired, so that wrong sizes and checksums are tested, too.
///
/// libFuzzer keeps the repaired bytes. So a file of its corpus, or an input that crashed, runs in the same way again
/// without this code.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutateAndRepair(
  _ start: UnsafeMutablePointer<UInt8>?, _ count: Int, _ maximum: Int, _ seed: UInt32
) -> Int {
  let newCount = unsafe mutate(start, count, maximum)
  guard seed % 8 != 0, let wanted else { return newCount }
  // SAFETY: libFuzzer's memory has `newCount` bytes.
  let file = unsafe MutatedFile(bytes: UnsafeMutableBufferPointer(start: start, count: newCount))
  switch wanted {
  case .png: file.repairPNG()
  case .webp: file.repairWebP()
  case .jpeg: file.repairJPEG()
  default: file.repairNetpbm()
  }
  return newCount
}

/// An input that is being repaired. Reading beyond its end gives zeros, and writing there does nothing.
@safe struct MutatedFile {
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  let count: Int

  init(bytes: UnsafeMutableBufferPointer<UInt8>) {
    unsafe self.bytes = unsafe bytes
    count = bytes.count
  }

  subscript(_ position: Int) -> UInt8 {
    get { unsafe bytes.indices.contains(position) ? bytes[position] : 0 }
    // This is not `mutating`, because the bytes are libFuzzer's.
    nonmutating set { if unsafe bytes.indices.contains(position) { unsafe bytes[position] = newValue } }
  }

  func integer(at position: Int, byteCount: Int, isLittle: Bool = false) -> Int {
    (0..<byteCount).reduce(0) { $0 << 8 | Int(self[position + (isLittle ? byteCount - 1 - $1 : $1)]) }
  }

  func write(_ value: Int, at position: Int, byteCount: Int, isLittle: Bool = false) {
    for i in 0..<byteCount {
      self[position + (isLittle ? i : byteCount - 1 - i)] = UInt8(truncatingIfNeeded: value >> (8 * i))
    }
  }

  func has(_ text: StaticString, at position: Int) -> Bool {
    (0..<text.utf8CodeUnitCount).allSatisfy { unsafe self[position + $0] == text.utf8Start[$0] }
  }

  func write(_ text: StaticString, at position: Int) {
    for i in 0..<text.utf8CodeUnitCount { unsafe self[position + i] = text.utf8Start[i] }
  }

  /// The next position at which one of these chunk names stands; nil if there is none.
  func position(ofNextIn names: [StaticString], from start: Int) -> Int? {
    guard start < count else { return nil }
    return (start..<count).first { position in names.contains { has($0, at: position) } }
  }

  /// The dimension itself if it is 1 to 64, otherwise another one of 1 to 64: pictures of these sizes are within the
  /// limit of pixels.
  static func small(_ dimension: Int) -> Int { (1...64).contains(dimension) ? dimension : 1 + dimension % 64 }
}

extension MutatedFile {
  func repairNetpbm() {
    self[0] = UInt8(ascii: "P")
    if !(0x31...0x37).contains(self[1]) { self[1] = 0x31 + self[1] % 7 }
    if ![0x20, 0x09, 0x0A, 0x0D, 0x23].contains(self[2]) { self[2] = 0x0A }
  }

  /// Repairs the lengths of segments up to the pixels, and the picture's size.
  func repairJPEG() {
    write(0xFFD8FF, at: 0, byteCount: 3)
    var position = 2
    while position + 4 <= count, self[position] == 0xFF {
      let marker = self[position + 1]
      var end = position + 2 + integer(at: position + 2, byteCount: 2)
      if self[end] != 0xFF || end < position + 4 {
        // The segment ends at the next marker.
        guard position + 4 < count,
          let next = (position + 4..<count).first(where: { self[$0] == 0xFF && self[$0 + 1] >= 0xC0 })
        else { return }
        end = next
        write(end - position - 2, at: position + 2, byteCount: 2)
      }
      if [0xC0, 0xC1, 0xC2].contains(marker) {
        for side in [position + 5, position + 7] {
          write(Self.small(integer(at: side, byteCount: 2)), at: side, byteCount: 2)
        }
      }
      if marker == 0xDA { return }
      position = end
    }
  }
}
