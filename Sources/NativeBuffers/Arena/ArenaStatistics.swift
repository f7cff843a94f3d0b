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

  /// - Parameter classes: the size classes that are likely to have blocks. The others are read only if these do not add
  ///   up to the arena's bytes, because reading class by class takes most of the time.
  func read(arena: Int, likely classes: SizeClassSet = SizeClassSet()) throws(ArenaError) -> ArenaCounts {
    func bytes(_ path: MallctlPath) throws(ArenaError) -> Int { Int(try path.read(arena: arena, as: size_t.self)) }
    // Wrapping, because a block that C freed twice leaves a count below 0 behind. The audit reports that.
    let byteCount = try bytes(smallBytes) &+ bytes(largeBytes)
    var live = [Int](repeating: 0, count: SizeClass.count)
    var rest = byteCount
    for index in live.indices where classes.contains(index) {
      live[index] = try liveCount(arena: arena, sizeClass: index)
      rest &-= live[index] &* SizeClass.byteCount(at: index)
    }
    if rest != 0 { for index in live.indices { live[index] = try liveCount(arena: arena, sizeClass: index) } }
    return ArenaCounts(
      liveCounts: live, byteCount: byteCount,
      active: try bytes(activePages) &* pageSize, dirty: try bytes(dirtyPages) &* pageSize,
      muzzy: try bytes(muzzyPages) &* pageSize, retained: try bytes(retained),
      metadata: try bytes(base) &+ bytes(`internal`), resident: try bytes(resident))
  }

  private func liveCount(arena: Int, sizeClass: Int) throws(ArenaError) -> Int {
    let isSmall = sizeClass < smallClassCount
    let path = isSmall ? liveSmall : liveLarge
    return Int(try path.read(arena: arena, item: isSmall ? sizeClass : sizeClass - smallClassCount, as: size_t.self))
  }
}
