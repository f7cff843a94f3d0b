// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import ResourceLedger

extension SizeClass {
  /// The size in bytes of the class of a block of `byteCount` bytes, aligned to 2^`alignmentLog2`; nil if no class is
  /// large enough.
  static func byteCount(holding byteCount: Int, alignmentLog2: UInt32) -> Int? {
    let lineSize = 1 << Int(blockAlignmentLog2)
    let (padded, overflow) = max(byteCount, 1).addingReportingOverflow(lineSize - 1)
    if overflow { return nil }
    let size = padded & ~(lineSize - 1)
    if alignmentLog2 <= blockAlignmentLog2 {
      let index = index(holding: size)
      return index < count ? Self.byteCount(at: index) : nil
    }
    let rounded = cjemalloc_size_class(size, alignmentLog2)
    return rounded > 0 ? rounded : nil
  }
}
