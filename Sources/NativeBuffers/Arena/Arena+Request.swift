// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Arena {
  /// A size class and an alignment that were checked: a request can be made with them.
  package struct Request: Sendable {
    /// Bytes of the size class.
    package let capacity: Int
    package let alignmentLog2: UInt32
    package let byteCount: Int

    /// - Throws: ``ArenaError`` if the size is negative or larger than the largest class, or if the alignment is not a
    ///   power of two from 1 to 2 MiB.
    package init(byteCount: Int, alignment: Int) throws(ArenaError) {
      guard alignment > 0, alignment <= 2 << 20, alignment & (alignment - 1) == 0 else {
        throw ArenaError(.invalidAlignment(alignment))
      }
      guard byteCount >= 0 else { throw ArenaError(.invalidByteCount(byteCount)) }
      let alignmentLog2 = max(UInt32(alignment.trailingZeroBitCount), SizeClass.blockAlignmentLog2)
      guard let capacity = SizeClass.byteCount(holding: byteCount, alignmentLog2: alignmentLog2) else {
        throw ArenaError(.invalidByteCount(byteCount))
      }
      self.byteCount = byteCount
      self.capacity = capacity
      self.alignmentLog2 = alignmentLog2
    }
  }
}
