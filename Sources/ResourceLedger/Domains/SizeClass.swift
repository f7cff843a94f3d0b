// SPDX-License-Identifier: Apache-2.0

/// The buckets of an arena's entries: jemalloc's size classes, by their numbers. It is arithmetic, so that a reader of
/// a ledger needs no jemalloc: 8, then the multiples of 16 up to 128, then four classes per doubling.
///
/// Source: jemalloc 5.3, `sz_size2index_compute` and `sz_index2size_compute` (16-byte quantum, four classes per group).
/// Tests compare every class with what `mallctl` and `nallocx` say.
@usableFromInline
package enum SizeClass {
  /// The number of classes: from 8 bytes to 7 × 2^60.
  @inlinable package static var count: Int { 232 }
  /// Every block starts on a cache line, so sizes are rounded up to whole lines first.
  @inlinable package static var blockAlignmentLog2: UInt32 { 6 }

  /// The number of the smallest class that holds `byteCount` (1 or more) bytes. Costs a few shifts.
  @inlinable
  @inline(__always)
  package static func index(holding byteCount: Int) -> Int {
    if byteCount <= 8 { return 0 }
    let size = UInt(bitPattern: byteCount)
    let highBit = UInt.bitWidth - 1 - ((size << 1) - 1).leadingZeroBitCount
    let shift = highBit < 6 ? 0 : highBit - 6
    let deltaLog2 = highBit < 7 ? 4 : highBit - 3
    let step = Int((size - 1) >> UInt(deltaLog2)) & 3
    return 1 + shift << 2 + step
  }

  /// The size of a class in bytes.
  @inlinable
  package static func byteCount(at index: Int) -> Int {
    if index == 0 { return 8 }
    let group = (index - 1) >> 2
    let step = (index - 1) & 3
    if group == 0 { return (step + 1) << 4 }
    return (1 << (group + 5)) + (step + 1) << (group + 3)
  }
}
