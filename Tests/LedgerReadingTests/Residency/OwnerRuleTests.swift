// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LedgerReading

@Suite("Whose memory a mapping is")
struct OwnerRuleTests {
  private static let heap: UInt = 64 << 20

  private static func mapping(
    _ start: UInt, _ end: UInt, _ permissions: MemoryMap.Permissions = [.read, .write], inode: UInt64 = 0,
    name: String = "", _ flags: MemoryMap.KernelFlags = []
  ) -> MemoryMap.Mapping {
    MemoryMap.Mapping(range: start..<end, permissions: permissions, inode: inode, name: name, kernelFlags: flags)
  }

  private static func rules(
    _ mappings: [MemoryMap.Mapping], blocks: [Range<UInt>] = [], jemallocsMalloc: Bool = false,
    isLedger: @escaping (MemoryMap.Mapping) -> Bool = { _ in false }
  ) -> OwnerRules {
    OwnerRules(
      mappings: mappings, isJemallocsMalloc: jemallocsMalloc, isLedger: isLedger,
      hasBlock: { range in blocks.contains { $0.overlaps(range) } })
  }

  private static func owner(_ mapping: MemoryMap.Mapping) -> MemoryOwner { rules([mapping]).owner(at: 0) }

  @Test("A file's mapping is a file's, and a name in brackets says whose memory it is")
  func names() {
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, inode: 7, name: "/usr/lib/a.so")) == .files)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, inode: 7, name: "/memfd:frames (deleted)")) == .files)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, name: "[heap]")) == .malloc)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, name: "[stack]")) == .stacks)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, name: "[vdso]")) == .other)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, name: "[anon: glibc: malloc arena]")) == .malloc)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, name: "[anon: glibc: pthread stack: 12]")) == .stacks)
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, name: "[anon:native-buffers:shared]")) == .jemalloc)
    // A file may have any name, so the number of the file comes before the name.
    #expect(Self.owner(Self.mapping(0x1000, 0x2000, inode: 7, name: "[heap]")) == .files)
  }

  @Test("The ledger's mapping is the ledger's, although it has a file")
  func ledger() {
    let rules = Self.rules([Self.mapping(0x1000, 0x2000, inode: 7, name: "/memfd:ledger (deleted)")]) {
      $0.name.contains("ledger")
    }
    #expect(rules.owner(at: 0) == .books)
  }

  @Test("Memory without a name is jemalloc's if it has a block, or if nothing was reserved for it")
  func jemalloc() {
    let plain = Self.mapping(0x10_0000, 0x12_0000)
    #expect(Self.rules([plain], blocks: [0x11_0000..<0x11_1000]).owner(at: 0) == .jemalloc)
    #expect(Self.owner(Self.mapping(0x10_0000, 0x12_0000, [.read, .write], .noReserve)) == .jemalloc)
    #expect(Self.owner(Self.mapping(0x10_0000, 0x12_0000, [.read], .noReserve)) == .other)
  }

  @Test("A large mapping without a name is malloc's, and the owner of a small one is not known")
  func ownMappings() {
    let (large, small) = (Self.mapping(0x10_0000, 0x12_0000), Self.mapping(0x10_0000, 0x11_0000))
    #expect(Self.owner(large) == .malloc)
    #expect(Self.owner(small) == .other)
    #expect(Self.rules([large], jemallocsMalloc: true).owner(at: 0) == .other)
  }

  @Test("The data of a library go on behind its file")
  func libraryData() {
    let data = Self.mapping(0x10_0000, 0x10_1000, inode: 7, name: "/usr/lib/a.so")
    #expect(Self.rules([data, Self.mapping(0x10_1000, 0x14_0000)]).owner(at: 1) == .files)
    #expect(Self.rules([data, Self.mapping(0x10_2000, 0x14_0000)]).owner(at: 1) == .malloc)
    let code = Self.mapping(0x10_0000, 0x10_1000, [.read, .execute], inode: 7, name: "/usr/lib/a.so")
    #expect(Self.rules([code, Self.mapping(0x10_1000, 0x14_0000)]).owner(at: 1) == .malloc)
  }

  @Test("A stack has a guard right below it")
  func stacks() {
    let stack = Self.mapping(0x90_0000, 0x110_0000)
    #expect(Self.rules([Self.mapping(0x8F_F000, 0x90_0000, []), stack]).owner(at: 1) == .stacks)
    #expect(Self.rules([Self.mapping(0x8F_E000, 0x8F_F000, []), stack]).owner(at: 1) == .malloc)
    #expect(Self.rules([Self.mapping(0x1000, 0x90_0000, []), stack]).owner(at: 1) == .malloc)
    let guarded = Self.rules([Self.mapping(0x8F_F000, 0x90_0000, []), stack], blocks: [0x91_0000..<0x92_0000])
    #expect(guarded.owner(at: 1) == .jemalloc)
  }

  @Test("A heap of glibc begins at a multiple of 64 MiB, and the rest of the 64 MiB is inaccessible")
  func heaps() {
    func start(
      _ start: UInt, rest: UInt = 2 * Self.heap, blocks: [Range<UInt>] = [], isLedger: Bool = false
    ) -> UInt? {
      let end = Self.heap + 0x2_1000
      return Self.rules(
        [Self.mapping(start, end, [.read, .write], .noReserve), Self.mapping(end, rest, [], .noReserve)],
        blocks: blocks
      ) { isLedger && $0.permissions.isEmpty }.heapStart(at: 0)
    }
    #expect(start(Self.heap) == Self.heap)
    // The kernel joined it with memory below.
    #expect(start(Self.heap - 0x10_0000) == Self.heap)
    #expect(start(Self.heap + 0x1000) == nil)
    #expect(start(Self.heap, rest: 2 * Self.heap - 0x1000) == nil)
    #expect(start(Self.heap, rest: 3 * Self.heap) == Self.heap)
    #expect(start(Self.heap, blocks: [Self.heap + 0x1000..<Self.heap + 0x2000]) == nil)
    #expect(start(Self.heap - 0x10_0000, blocks: [Self.heap - 0x2000..<Self.heap]) == Self.heap)
    #expect(start(Self.heap, isLedger: true) == nil)
  }
}
