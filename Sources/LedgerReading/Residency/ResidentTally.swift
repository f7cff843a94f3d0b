// SPDX-License-Identifier: Apache-2.0

/// Adds up the terms of ``ResidentSum``, mapping by mapping.
struct ResidentTally {
  private typealias Term = ResidentSum.Term

  private let allocator: AllocatorMemory?
  private var resident: [ResidentSum.Term: Int] = [:]
  private var swapped: [ResidentSum.Term: Int] = [:]
  /// Exact, whatever numbers a ledger has. Only what is shown is brought to 64 bits.
  private var sizes: [ResidentSum.Term: Int128] = [:]
  private var otherParts: [String: Int] = [:]
  /// Bytes of pages that jemalloc mapped and that have no block: in a piece of 2 MiB that has a block, and elsewhere.
  private var near = 0
  private var far = 0
  private var hugePages = 0
  private var sharedMemory = 0
  private var swappedInAll = 0

  init(allocator: AllocatorMemory?) { self.allocator = allocator }

  var isJemallocsMalloc: Bool { allocator?.isJemallocsMalloc ?? false }

  // MARK: Sizes

  mutating func addSizes(of blocks: [MemoryBlock]) {
    var asked = InlineArray<4, Int128>(repeating: 0)
    var capacity = InlineArray<4, Int128>(repeating: 0)
    for block in blocks {
      asked[Int(block.state.rawValue)] += Int128(block.byteCount)
      capacity[Int(block.state.rawValue)] += Int128(block.capacity)
    }
    var rounding: Int128 = 0
    for state in MemoryBlock.State.allCases {
      let index = Int(state.rawValue)
      let isOwned = state == .live || state == .detached
      sizes[Self.term(of: state)] = isOwned ? asked[index] : capacity[index]
      if isOwned { rounding += capacity[index] - asked[index] }
    }
    sizes[.rounding] = rounding
    guard let allocator else { return }
    sizes[.freePlaces] = max(0, Int128(allocator.active) - Int128(allocator.allocated))
    sizes[.dirty] = Int128(allocator.dirty)
    sizes[.muzzy] = Int128(allocator.muzzy)
    sizes[.jemalloc] = Int128(allocator.metadata)
    sizes[.malloc] = allocator.mallocAllocated.map { Int128($0) }
  }

  private static func term(of state: MemoryBlock.State) -> ResidentSum.Term {
    switch state {
    case .live: .live
    case .detached: .detached
    case .idle: .idle
    case .quarantined: .quarantined
    }
  }

  /// Notes what counts for whole mappings.
  mutating func note(_ mapping: MemoryMap.Mapping, _ owner: MemoryOwner) {
    hugePages += mapping.hugePageByteCount
    swappedInAll += mapping.swappedByteCount
    switch owner {
    case .books: sizes[.books, default: 0] += Int128(mapping.byteCount)
    case .stacks: sizes[.stacks, default: 0] += Int128(mapping.byteCount)
    case .files:
      sizes[.files, default: 0] += Int128(mapping.byteCount)
      if Self.sharedMemoryNames.contains(where: mapping.name.hasPrefix) { sharedMemory += mapping.residentByteCount }
    case .jemalloc, .malloc, .other: break
    }
  }

  private static var sharedMemoryNames: [String] { ["/memfd:", "/dev/shm/", "/dev/zero", "/SYSV"] }

  // MARK: Memory

  /// Adds a mapping whose pages all belong to one owner.
  mutating func add(_ mapping: MemoryMap.Mapping, owner: MemoryOwner) {
    addPages(mapping.residentByteCount, near: 0, of: mapping, owner: owner)
  }

  /// Adds a mapping that has blocks, or a heap of glibc at its end.
  mutating func add(
    _ mapping: MemoryMap.Mapping, owner: MemoryOwner, heapStart: UInt?, _ pages: PresentPages, _ blocks: PlacedBlocks
  ) {
    for state in MemoryBlock.State.allCases {
      resident[Self.term(of: state), default: 0] += blocks.resident[Int(state.rawValue)]
      swapped[Self.term(of: state), default: 0] += blocks.swapped[Int(state.rawValue)]
    }
    resident[.rounding, default: 0] += blocks.rounding
    swapped[.rounding, default: 0] += blocks.swappedRounding
    let pageSize = pages.pageByteCount
    resident[.freePlaces, default: 0] += blocks.pageCount * pageSize - blocks.byteCount
    let heap = heapStart.map { pages.presentByteCount(in: $0..<mapping.range.upperBound) } ?? 0
    resident[.malloc, default: 0] += heap
    // A heap may begin within the 2 MiB of a block, and no page may count twice.
    let nearEnd = heapStart ?? mapping.range.upperBound
    let nearBlocks = min(
      (blocks.nearPageCount - blocks.pageCount) * pageSize,
      pages.presentByteCount(in: mapping.range.lowerBound..<nearEnd) - blocks.pageCount * pageSize)
    let elsewhere = (pages.presentCount - blocks.pageCount) * pageSize - nearBlocks - heap
    addPages(elsewhere, near: nearBlocks, of: mapping, owner: owner)
    let change = mapping.residentByteCount - pages.presentCount * pageSize
    if change != 0 { addOther("pages that came or went meanwhile", change) }
  }

  /// Adds the bytes of whole pages without a block.
  private mutating func addPages(
    _ far: Int, near: Int, of mapping: MemoryMap.Mapping, owner: MemoryOwner
  ) {
    switch owner {
    case .jemalloc:
      let muzzy = min(mapping.lazyFreeByteCount, far + near)
      resident[.muzzy, default: 0] += muzzy
      let muzzyNear = min(muzzy, near)
      self.near += near - muzzyNear
      self.far += far - (muzzy - muzzyNear)
    case .books: resident[.books, default: 0] += far + near
    case .malloc: resident[.malloc, default: 0] += far + near
    case .files: resident[.files, default: 0] += far + near
    case .stacks: resident[.stacks, default: 0] += far + near
    case .other: addOther(mapping.name.isEmpty ? "memory without a name" : mapping.name, far + near)
    }
  }

  private mutating func addOther(_ name: String, _ byteCount: Int) {
    guard byteCount != 0 else { return }
    otherParts[name, default: 0] += byteCount
    resident[.other, default: 0] += byteCount
  }

  // MARK: The end

  /// Divides the pages that jemalloc mapped and that have no block, and makes the sum.
  mutating func finish(total: Int) -> ResidentSum {
    divideUnusedPages()
    // No file of /proc gives numbers that do not fit. If a test does, the remainder takes the difference.
    let sum = Int128(total) - resident.values.reduce(Int128(0)) { $0 + Int128($1) }
    addOther("sums beyond 64 bits", Int(clamping: sum))
    let rows = ResidentSum.Term.allCases.compactMap { term -> ResidentSum.Row? in
      let size = sizes[term].map { Int(clamping: $0) }
      let row = ResidentSum.Row(
        term: term, resident: resident[term] ?? 0, size: size, swapped: swapped[term] ?? 0)
      return isShown(row) ? row : nil
    }
    return ResidentSum(
      total: total, rows: rows,
      otherParts: otherParts.map { ResidentSum.Part(name: $0.key, resident: $0.value) }
        .sorted { ($1.resident, $0.name) < ($0.resident, $1.name) },
      retained: allocator?.retained, hugePages: hugePages, sharedMemory: sharedMemory, swapped: swappedInAll,
      mallocName: allocator?.mallocName)
  }

  private func isShown(_ row: ResidentSum.Row) -> Bool {
    switch row.term {
    case .dirty, .jemalloc: allocator != nil
    case .detached, .quarantined, .muzzy, .unused: row.resident != 0 || (row.size ?? 0) != 0
    default: true
    }
  }

  private mutating func divideUnusedPages() {
    guard let allocator else {
      resident[.unused, default: 0] += near + far
      return
    }
    // Of pages elsewhere, `malloc` has at least what it gave out, if it is jemalloc's.
    if allocator.isJemallocsMalloc {
      let allocated = min(far, max(0, allocator.mallocAllocated ?? 0))
      resident[.malloc, default: 0] += allocated
      far -= allocated
    }
    // Near a block, there is nothing of jemalloc's own.
    let dirtyNear = min(near, max(0, allocator.dirty))
    let dirtyFar = min(far, max(0, allocator.dirty) - dirtyNear)
    let own = min(far - dirtyFar, max(0, allocator.metadata))
    let rest = far - dirtyFar - own
    resident[.dirty, default: 0] += dirtyNear + dirtyFar
    resident[.freePlaces, default: 0] += near - dirtyNear
    resident[.jemalloc, default: 0] += own
    if allocator.isJemallocsMalloc {
      resident[.malloc, default: 0] += rest
    } else {
      addOther("memory without reservation, beyond jemalloc's counts", rest)
    }
  }
}
