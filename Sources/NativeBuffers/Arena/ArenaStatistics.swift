// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger

/// The keys of an arena's statistics, looked up once.
struct ArenaStatistics {
  /// The caller may hold an arena's lock, if ``prepare()`` was called before.
  static var shared: Result<ArenaStatistics, ArenaError> { lazyShared.value }
  private static let lazyShared = ForkSafeLazy { Result { () throws(ArenaError) in try ArenaStatistics() } }
  static func makeStatics() { ForkGuard.touch(lazyShared) }

  /// Looks the keys up if that was not done yet. The caller holds no lock.
  static func prepare() { _ = lazyShared.value }

  private let epoch: MallctlPath
  private let allocated: MallctlPath
  private let metadata: MallctlPath
  private let smallClassCount: Int
  private let pageSize: Int
  private let liveSmall: MallctlPath
  private let liveLarge: MallctlPath
  private let smallBytes: MallctlPath
  private let largeBytes: MallctlPath
  private let activePages: MallctlPath
  private let dirtyPages: MallctlPath
  private let muzzyPages: MallctlPath
  private let retained: MallctlPath
  private let base: MallctlPath
  private let `internal`: MallctlPath
  private let resident: MallctlPath

  private init() throws(ArenaError) {
    epoch = try MallctlPath("epoch")
    allocated = try MallctlPath("stats.allocated")
    metadata = try MallctlPath("stats.metadata")
    smallClassCount = Int(try Mallctl.read("arenas.nbins", as: UInt32.self))
    pageSize = Int(try Mallctl.read("arenas.page", as: size_t.self))
    liveSmall = try MallctlPath("stats.arenas.0.bins.0.curregs")
    liveLarge = try MallctlPath("stats.arenas.0.lextents.0.curlextents")
    smallBytes = try MallctlPath("stats.arenas.0.small.allocated")
    largeBytes = try MallctlPath("stats.arenas.0.large.allocated")
    activePages = try MallctlPath("stats.arenas.0.pactive")
    dirtyPages = try MallctlPath("stats.arenas.0.pdirty")
    muzzyPages = try MallctlPath("stats.arenas.0.pmuzzy")
    retained = try MallctlPath("stats.arenas.0.retained")
    base = try MallctlPath("stats.arenas.0.base")
    `internal` = try MallctlPath("stats.arenas.0.internal")
    resident = try MallctlPath("stats.arenas.0.resident")
  }

  /// Refreshes the statistics and reads what jemalloc allocated in the whole process, and its own structures, in bytes.
  /// Allocates nothing.
  func refreshAndReadProcess() throws(ArenaError) -> (allocated: Int, metadata: Int) {
    try epoch.write(UInt64(1))
    return (Int(try allocated.read(as: size_t.self)), Int(try metadata.read(as: size_t.self)))
  }

  /// - Parameter classes: the size classes that are likely to have blocks. The others are read only if these do not add
  ///   up to the arena's bytes, because reading class by class takes most of the time.
  func read(arena: Int, likely classes: SizeClassSet = SizeClassSet()) throws(ArenaError) -> ArenaCounts {
    let memory = try readMemory(arena: arena)
    var live = [Int](repeating: 0, count: SizeClass.count)
    try readBlocks(arena: arena, byteCount: memory.allocated, likely: classes) { live[$0] = $1 }
    return ArenaCounts(
      liveCounts: live, byteCount: memory.allocated, active: memory.active, dirty: memory.dirty, muzzy: memory.muzzy,
      retained: memory.retained, metadata: memory.metadata, resident: memory.resident)
  }

  /// Everything but the size classes. Allocates nothing.
  func readMemory(arena: Int) throws(ArenaError) -> AnswerWriter.ArenaMemory {
    func bytes(_ path: MallctlPath) throws(ArenaError) -> Int { Int(try path.read(arena: arena, as: size_t.self)) }
    return AnswerWriter.ArenaMemory(
      // Wrapping, because a block that C freed twice leaves a count below 0 behind. The audit reports that.
      allocated: try bytes(smallBytes) &+ bytes(largeBytes),
      active: try bytes(activePages) &* pageSize, dirty: try bytes(dirtyPages) &* pageSize,
      muzzy: try bytes(muzzyPages) &* pageSize, retained: try bytes(retained),
      metadata: try bytes(base) &+ bytes(`internal`), resident: try bytes(resident))
  }

  /// The blocks of each size class. Allocates nothing.
  /// - Parameters:
  ///   - byteCount: the bytes that all blocks together have.
  ///   - body: gets a size class and its number of blocks, for some classes twice. It is not called for classes without
  ///     blocks that are not likely to have any.
  func readBlocks(
    arena: Int, byteCount: Int, likely classes: SizeClassSet, _ body: (_ sizeClass: Int, _ count: Int) -> Void
  ) throws(ArenaError) {
    var rest = byteCount
    for index in 0..<SizeClass.count where classes.contains(index) {
      let count = try liveCount(arena: arena, sizeClass: index)
      rest &-= count &* SizeClass.byteCount(at: index)
      body(index, count)
    }
    guard rest != 0 else { return }
    for index in 0..<SizeClass.count { body(index, try liveCount(arena: arena, sizeClass: index)) }
  }

  private func liveCount(arena: Int, sizeClass: Int) throws(ArenaError) -> Int {
    let isSmall = sizeClass < smallClassCount
    let path = isSmall ? liveSmall : liveLarge
    return Int(try path.read(arena: arena, item: isSmall ? sizeClass : sizeClass - smallClassCount, as: size_t.self))
  }
}
