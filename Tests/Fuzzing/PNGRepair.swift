/// libFuzzer's own mutation.
@_silgen_name("LLVMFuzzerMutate")
private func mutate(_ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int, _ maximum: Int) -> Int

/// Mutates, and then gives a PNG right checksums: else nearly every input would end at the first wrong one, and the code
/// behind the checksums would never run.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutateKeepingChecksums(
  _ start: UnsafeMutablePointer<UInt8>?, _ count: Int, _ maximum: Int, _ seed: UInt32
) -> Int {
  let newCount = unsafe mutate(start, count, maximum)
  // One in eight stays as it is: wrong checksums are to be met, too.
  guard seed % 8 != 0, let start = unsafe start, newCount > 8, unsafe start[0] == 0x89, unsafe start[1] == 0x50 else {
    return newCount
  }
  // SAFETY: libFuzzer's memory has `newCount` bytes, and every offset is compared with that.
  let bytes = unsafe UnsafeMutableBufferPointer(start: start, count: newCount)
  var position = 8
  while position + 12 <= newCount {
    let length = unsafe bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
    guard length <= newCount - position - 12 else { break }
    let end = position + 8 + length
    let checksum = unsafe crc32(bytes[position + 4..<end])
    for i in 0..<4 { unsafe bytes[end + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * i)) }
    position = end + 4
  }
  return newCount
}

private func crc32(_ bytes: Slice<UnsafeMutableBufferPointer<UInt8>>) -> UInt32 {
  var crc: UInt32 = 0xFFFF_FFFF
  for index in unsafe bytes.indices {
    crc ^= unsafe UInt32(bytes[index])
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}
