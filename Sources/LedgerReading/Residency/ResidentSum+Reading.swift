// SPDX-License-Identifier: Apache-2.0

extension ResidentSum {
  /// Reads the mappings and pages of a process, and adds up.
  /// - Parameters:
  ///   - process: the number of the process, as the `/proc` of this process has it.
  ///   - blocks: the blocks of all arenas of the process, as read just before.
  ///   - allocator: what the process says about its allocators; nil if it does not answer.
  ///   - pageByteCount: the size of a page.
  ///   - isLedger: says of a mapping whether it is the process's ledger.
  /// - Throws: ``ResidencyError`` if the process does not exist or ends meanwhile, or if its memory may not be looked
  ///   at.
  /// - Complexity: some 100 ns for each block, and 20 ns for each page in memory. A page that is mapped beside blocks
  ///   takes 10 ns if it is not in memory, too.
  package init(
    ofProcess process: Int32, blocks: [MemoryBlock], allocator: AllocatorMemory?, pageByteCount: Int,
    isLedger: (MemoryMap.Mapping) -> Bool
  ) throws(ResidencyError) {
    let pageMap = try PageMap(ofProcess: process, pageByteCount: pageByteCount)
    let map = try MemoryMap(ofProcess: process)
    try self.init(map, blocks: blocks, allocator: allocator, pageByteCount: pageByteCount, isLedger: isLedger) {
      range throws(ResidencyError) in try pageMap.pages(in: range)
    }
  }

  /// Adds up, with the pages from a closure, which is called once for a mapping whose pages matter.
  package init(
    _ map: MemoryMap, blocks: [MemoryBlock], allocator: AllocatorMemory?, pageByteCount: Int,
    isLedger: (MemoryMap.Mapping) -> Bool, pages: (Range<UInt>) throws(ResidencyError) -> PresentPages
  ) throws(ResidencyError) {
    var blocks = SortedBlocks(blocks)
    var tally = ResidentTally(allocator: allocator)
    tally.addSizes(of: blocks.blocks)
    try withoutActuallyEscaping(isLedger) { isLedger throws(ResidencyError) in
      let rules = OwnerRules(
        mappings: map.mappings, isJemallocsMalloc: tally.isJemallocsMalloc, isLedger: isLedger,
        hasBlock: { [blocks] in blocks.hasBlock(in: $0) })
      for (index, mapping) in map.mappings.enumerated() {
        let owner = rules.owner(at: index)
        let heapStart = rules.heapStart(at: index)
        tally.note(mapping, owner)
        let isDivided = heapStart != nil || owner != .books && rules.hasBlock(mapping.range)
        guard isDivided, mapping.residentByteCount > 0 || mapping.swappedByteCount > 0 else {
          tally.add(mapping, owner: owner)
          continue
        }
        var pages = try pages(mapping.range)
        pages.forgetZeros(residentByteCount: mapping.residentByteCount)
        tally.add(mapping, owner: owner, heapStart: heapStart, pages, blocks.place(in: mapping.range, pages))
      }
    }
    self = tally.finish(total: map.residentByteCount)
  }
}
