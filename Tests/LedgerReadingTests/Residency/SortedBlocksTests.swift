// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import LedgerReading

@Suite("Blocks in the order of their addresses")
struct SortedBlocksTests {
  @Test("Blocks at random addresses are sorted, whatever the addresses have in common", arguments: [0, 6, 12, 40, 63])
  func sorting(_ alignmentLog2: Int) {
    var random = SeededGenerator(seed: UInt64(alignmentLog2))
    for count in [0, 1, 2, 5_000] {
      let addresses = (0..<count).map { _ in
        UInt.random(in: 0...UInt.max >> UInt(alignmentLog2), using: &random) << UInt(alignmentLog2)
      }
      let blocks = addresses.map { MemoryBlock(address: $0, capacity: 1, byteCount: 1, state: .live) }
      let sorted = SortedBlocks(blocks).blocks.map(\.address)
      #expect(sorted == addresses.sorted(), "seed \(alignmentLog2)")
    }
  }

  @Test("Whether a range has a byte of a block")
  func ranges() {
    let blocks = SortedBlocks([
      MemoryBlock(address: 500, capacity: 100, byteCount: 1, state: .idle),
      MemoryBlock(address: 100, capacity: 100, byteCount: 1, state: .live),
    ])
    #expect(!blocks.hasBlock(in: 0..<100))
    #expect(blocks.hasBlock(in: 0..<101))
    #expect(blocks.hasBlock(in: 150..<160))
    #expect(!blocks.hasBlock(in: 200..<500))
    #expect(blocks.hasBlock(in: 200..<501))
    #expect(!blocks.hasBlock(in: 600..<700))
  }
}
