// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import LedgerReading

@Suite("The sum that adds up to the resident set")
struct ResidentSumTests {
  private static let page = 4_096
  /// A mapping of 4 MiB begins here.
  private static let start: UInt = 0x7F00_0000_0000
  private static let pageCount = 1_024

  /// A mapping of jemalloc, of which these pages are in memory.
  private static func arena(_ present: Range<Int>, lazyFree: Int = 0, changed: Int = 0) -> MemoryMap.Mapping {
    MemoryMap.Mapping(
      range: start..<start + UInt(pageCount * page), permissions: [.read, .write],
      residentByteCount: (present.count + changed) * page, lazyFreeByteCount: lazyFree * page, kernelFlags: .noReserve)
  }

  private static func block(
    _ offset: Int, _ capacity: Int, _ byteCount: Int? = nil, _ state: MemoryBlock.State = .live
  ) -> MemoryBlock {
    MemoryBlock(address: start + UInt(offset), capacity: capacity, byteCount: byteCount ?? capacity, state: state)
  }

  private static func allocator(
    active: Int = 0, allocated: Int = 0, dirty: Int = 0, metadata: Int = 0, malloc: String? = "libc.so.6",
    mallocAllocated: Int? = nil
  ) -> AllocatorMemory {
    AllocatorMemory(
      allocated: allocated, active: active, dirty: dirty, muzzy: 0, retained: 5, metadata: metadata,
      mallocName: malloc, mallocAllocated: mallocAllocated)
  }

  private static func sum(
    _ mappings: [MemoryMap.Mapping], present: Range<Int>, zeros: Range<Int> = 0..<0, _ blocks: [MemoryBlock],
    _ allocator: AllocatorMemory?,
    entry: UInt64 = PageEntry.present | PageEntry.exclusive
  ) throws -> ResidentSum {
    let map = MemoryMap(mappings)
    let sum = try ResidentSum(
      map, blocks: blocks, allocator: allocator, pageByteCount: page, isLedger: { $0.name == "ledger" }
    ) { range throws(ResidencyError) in
      var pages = PresentPages(range: range, pageByteCount: page)
      for index in present { pages.set(index, to: entry) }
      for index in zeros { pages.set(index, to: PageEntry.present) }
      return pages
    }
    #expect(sum.total == map.residentByteCount)
    #expect(sum.rows.reduce(0) { $0 + $1.resident } == sum.total)
    #expect(sum.otherParts.reduce(0) { $0 + $1.resident } == sum[.other]?.resident)
    return sum
  }

  @Test("A page that several blocks share is divided by bytes")
  func sharedPage() throws {
    let blocks = [
      Self.block(0, 1_024, 1_000), Self.block(1_024, 512, nil, .idle), Self.block(1_536, 512, nil, .quarantined),
      Self.block(2_048, 256, 200, .detached),
    ]
    let sum = try Self.sum([Self.arena(0..<1)], present: 0..<1, blocks, Self.allocator())
    #expect(sum[.live] == .init(term: .live, resident: 1_000, size: 1_000))
    #expect(sum[.rounding] == .init(term: .rounding, resident: 24 + 56, size: 24 + 56))
    #expect(sum[.idle]?.resident == 512)
    #expect(sum[.quarantined]?.resident == 512)
    #expect(sum[.detached]?.resident == 200)
    #expect(sum[.freePlaces]?.resident == 4_096 - 2_304)
    #expect(sum[.other]?.resident == 0)
  }

  @Test("A block counts with the pages of it that are in memory, and its size with all")
  func halves() throws {
    let sum = try Self.sum(
      [Self.arena(0..<12)], present: 0..<12, [Self.block(64, 20 * Self.page, 20 * Self.page - 100)], Self.allocator())
    #expect(sum[.live] == .init(term: .live, resident: 12 * Self.page - 64, size: 20 * Self.page - 100))
    #expect(sum[.rounding] == .init(term: .rounding, resident: 0, size: 100))
    #expect(sum[.freePlaces]?.resident == 64)
  }

  @Test("Pages in swap space count apart")
  func swap() throws {
    var mapping = Self.arena(0..<0)
    mapping.swappedByteCount = 4 * Self.page
    let sum = try Self.sum(
      [mapping], present: 0..<4, [Self.block(0, 3 * Self.page)], Self.allocator(), entry: PageEntry.swapped)
    #expect(sum[.live] == .init(term: .live, resident: 0, size: 3 * Self.page, swapped: 3 * Self.page))
    #expect(sum.swapped == 4 * Self.page)
  }

  @Test("Pages without a block are dirty, then free places near a block, and jemalloc's own elsewhere")
  func unusedPages() throws {
    // One page of a block, 9 pages in its 2 MiB, and 20 pages in the next 2 MiB.
    let present = 502..<532
    let blocks = [Self.block(502 * Self.page, Self.page)]
    func unused(_ allocator: AllocatorMemory?) throws -> [ResidentSum.Term: Int] {
      let sum = try Self.sum([Self.arena(present)], present: present, blocks, allocator)
      let terms: [ResidentSum.Term] = [.freePlaces, .dirty, .jemalloc, .unused, .malloc, .other]
      return Dictionary(uniqueKeysWithValues: terms.map { ($0, (sum[$0]?.resident ?? 0) / Self.page) })
        .filter { $0.value != 0 }
    }
    let much = 100 * Self.page
    #expect(try unused(Self.allocator(metadata: much)) == [.freePlaces: 9, .jemalloc: 20])
    #expect(try unused(Self.allocator(dirty: much, metadata: much)) == [.dirty: 29])
    #expect(
      try unused(Self.allocator(dirty: 5 * Self.page, metadata: much)) == [.dirty: 5, .freePlaces: 4, .jemalloc: 20])
    #expect(
      try unused(Self.allocator(dirty: 15 * Self.page, metadata: 2 * Self.page))
        == [.dirty: 15, .jemalloc: 2, .other: 12])
    #expect(
      try unused(Self.allocator(metadata: 2 * Self.page, malloc: "libjemalloc.so.2"))
        == [.freePlaces: 9, .jemalloc: 2, .malloc: 18])
    let itsMalloc = Self.allocator(
      dirty: much, metadata: much, malloc: "libjemalloc.so.2", mallocAllocated: 12 * Self.page)
    #expect(try unused(itsMalloc) == [.dirty: 17, .malloc: 12])
    #expect(try unused(nil) == [.unused: 29])
  }

  @Test("Pages that the kernel may take are muzzy")
  func muzzy() throws {
    let sum = try Self.sum(
      [Self.arena(0..<20, lazyFree: 7)], present: 0..<20, [Self.block(0, Self.page)],
      Self.allocator(dirty: 3 * Self.page))
    #expect(sum[.muzzy]?.resident == 7 * Self.page)
    #expect(sum[.dirty]?.resident == 3 * Self.page)
    #expect(sum[.freePlaces]?.resident == 9 * Self.page)
  }

  @Test("A block that two mappings divide is whole")
  func dividedBlock() throws {
    var (lower, upper) = (Self.arena(0..<2), Self.arena(0..<2))
    lower.range = Self.start..<Self.start + UInt(2 * Self.page)
    upper.range = lower.range.upperBound..<lower.range.upperBound + UInt(2 * Self.page)
    let sum = try Self.sum([lower, upper], present: 0..<2, [Self.block(100, 3 * Self.page)], Self.allocator())
    #expect(sum[.live]?.resident == 3 * Self.page)
    #expect(sum[.freePlaces]?.resident == Self.page)
  }

  @Test("A heap of glibc behind jemalloc's memory is malloc's")
  func joinedHeap() throws {
    let heapStart = Self.start + UInt(2 << 20)
    #expect(heapStart % (64 << 20) != 0)
    let shift = (64 << 20) - heapStart % (64 << 20)
    var mapping = Self.arena(0..<600)
    mapping.range = mapping.range.lowerBound + shift..<mapping.range.upperBound + shift
    let rest = MemoryMap.Mapping(
      range: mapping.range.upperBound..<mapping.range.upperBound + 64 << 20, permissions: [], kernelFlags: .noReserve)
    let block = MemoryBlock(
      address: mapping.range.lowerBound, capacity: Self.page, byteCount: Self.page, state: .live)
    let sum = try Self.sum([mapping, rest], present: 0..<600, [block], Self.allocator())
    #expect(sum[.malloc]?.resident == (600 - 512) * Self.page)
    #expect(sum[.freePlaces]?.resident == 511 * Self.page)
  }

  @Test("What changed between the two readings is in the remainder, with a name")
  func changed() throws {
    for changed in [-3, 3] {
      let sum = try Self.sum(
        [Self.arena(0..<10, changed: changed)], present: 0..<10, [Self.block(0, 10 * Self.page)], Self.allocator())
      #expect(sum[.live]?.resident == 10 * Self.page)
      #expect(sum.otherParts == [.init(name: "pages that came or went meanwhile", resident: changed * Self.page)])
    }
  }

  @Test("A page of zeros, which the kernel does not count, counts for no block")
  func zeroPages() throws {
    let sum = try Self.sum(
      [Self.arena(0..<2)], present: 0..<2, zeros: 2..<10, [Self.block(0, 10 * Self.page)], Self.allocator())
    #expect(sum[.live] == .init(term: .live, resident: 2 * Self.page, size: 10 * Self.page))
    #expect(sum[.other]?.resident == 0)
  }

  private static func file(_ pages: Int) -> MemoryMap.Mapping {
    MemoryMap.Mapping(
      range: start + 1 << 30..<start + 2 << 30, permissions: .read, inode: 1, name: "/dev/shm/a\u{1B}[2J",
      residentByteCount: pages * page)
  }

  @Test("Numbers of a ledger that are not possible do not trap, and the sum adds up")
  func hostileBlocks() throws {
    let extremes: [Int] = [.min, -1, 0, 1, 4_095, 4_097, 1 << 48, .max]
    let addresses: [UInt] = [0, 1, Self.start - 1, Self.start, Self.start + 5_000, .max - 1, .max]
    var blocks: [MemoryBlock] = []
    for (index, address) in addresses.enumerated() {
      for capacity in extremes {
        for byteCount in extremes {
          let state = MemoryBlock.State.allCases[(index + blocks.count) % 4]
          blocks.append(MemoryBlock(address: address, capacity: capacity, byteCount: byteCount, state: state))
        }
      }
    }
    var random = SeededGenerator(seed: 1)
    for _ in 0..<5 {
      blocks.shuffle(using: &random)
      _ = try Self.sum([Self.arena(0..<40), Self.file(3)], present: 0..<40, blocks, Self.allocator(dirty: .max))
    }
    // The ledger itself is not divided among blocks that claim to be in it.
    var ledger = Self.arena(0..<40)
    (ledger.name, ledger.inode) = ("ledger", 9)
    #expect(try Self.sum([ledger], present: 0..<40, blocks, nil)[.books]?.resident == 40 * Self.page)
  }

  @Test("The JSON has all rows, and one whose rows do not add up is refused")
  func document() throws {
    let sum = try Self.sum(
      [Self.arena(0..<300), Self.file(3)], present: 0..<300, [Self.block(0, 1 << 20, 1_000_000)],
      Self.allocator(active: 1 << 20, allocated: 1 << 20, dirty: 44 * Self.page, metadata: 123))
    let json = try JSONEncoder().encode(sum)
    #expect(try JSONDecoder().decode(ResidentSum.self, from: json) == sum)
    let changed = String(decoding: json, as: UTF8.self).replacing("\"resident\":48576", with: "\"resident\":48577")
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(ResidentSum.self, from: Data(changed.utf8)) }
  }
}
