// SPDX-License-Identifier: Apache-2.0

/// Whose memory a mapping is, as far as the mapping itself says. The article Where-The-Memory-Is.md gives each rule,
/// and what it may get wrong.
enum MemoryOwner: Sendable {
  /// jemalloc's: blocks, unused pages of arenas, and its own structures.
  case jemalloc
  case books, malloc, files, stacks
  case other
}

/// Decides whose memory each mapping is.
struct OwnerRules {
  let mappings: [MemoryMap.Mapping]
  /// Whether `malloc` is jemalloc's, and so no memory is glibc's.
  let isJemallocsMalloc: Bool
  let isLedger: (MemoryMap.Mapping) -> Bool
  let hasBlock: (Range<UInt>) -> Bool

  func owner(at index: Int) -> MemoryOwner {
    let mapping = mappings[index]
    if isLedger(mapping) { return .books }
    if mapping.inode != 0 || mapping.name.hasPrefix("/") { return .files }
    if !mapping.name.isEmpty { return Self.owner(named: mapping.name) }
    if hasBlock(mapping.range) { return .jemalloc }
    guard mapping.permissions.contains([.read, .write]) else { return .other }
    // glibc maps with MAP_NORESERVE only its heaps, which `heapStart(at:)` recognises; jemalloc, everything.
    if mapping.kernelFlags.contains(.noReserve) { return .jemalloc }
    if isRestOfLibrary(at: index) { return .files }
    if hasGuard(at: index) { return .stacks }
    return !isJemallocsMalloc && mapping.byteCount >= Self.leastOwnMapping ? .malloc : .other
  }

  private static func owner(named name: String) -> MemoryOwner {
    if name == "[heap]" || name.hasPrefix("[anon: glibc: malloc") { return .malloc }
    if name.hasPrefix("[anon:native-buffers") { return .jemalloc }
    if name == "[stack]" || name.hasPrefix("[anon: glibc: pthread stack") { return .stacks }
    return .other
  }

  /// glibc gives a block of at least this size a mapping of its own, if `malloc` was not tuned (`M_MMAP_THRESHOLD`).
  private static let leastOwnMapping = 128 << 10

  /// Where in a mapping a heap of glibc begins, which always reaches to the mapping's end; nil if there is none.
  ///
  /// glibc reserves 64 MiB for the heap of a thread, at a multiple of 64 MiB, and makes them writable from their
  /// beginning. The kernel may join the writable part with memory of jemalloc that ends there.
  func heapStart(at index: Int) -> UInt? {
    let mapping = mappings[index]
    guard mapping.isUnnamed, mapping.permissions.contains([.read, .write]), let rest = neighbour(of: index, at: 1),
      rest.isUnnamed, rest.permissions.isEmpty, !isLedger(rest)
    else { return nil }
    let start = (mapping.range.upperBound - 1) & ~(Self.heapSize - 1)
    guard start >= mapping.range.lowerBound, start > 0, rest.range.upperBound - start >= Self.heapSize,
      !hasBlock(start..<mapping.range.upperBound)
    else { return nil }
    return start
  }

  private static let heapSize: UInt = 64 << 20

  /// Whether it is the part of a library's data that has no bytes in the file: it begins where the data end.
  private func isRestOfLibrary(at index: Int) -> Bool {
    guard let data = neighbour(of: index, at: -1) else { return false }
    return data.inode != 0 && data.permissions.contains(.write) && !data.permissions.contains(.shared)
      && !isLedger(data)
  }

  /// Whether there are inaccessible pages right below, as below the stack of a thread.
  private func hasGuard(at index: Int) -> Bool {
    guard let pages = neighbour(of: index, at: -1) else { return false }
    return pages.isUnnamed && pages.permissions.isEmpty && pages.byteCount <= Self.largestGuard
  }

  private static let largestGuard = 1 << 20

  /// The mapping above (1) or below (-1), if there is no gap between them.
  private func neighbour(of index: Int, at distance: Int) -> MemoryMap.Mapping? {
    guard mappings.indices.contains(index + distance) else { return nil }
    let (lower, upper) = (mappings[min(index, index + distance)], mappings[max(index, index + distance)])
    return lower.range.upperBound == upper.range.lowerBound ? mappings[index + distance] : nil
  }
}
