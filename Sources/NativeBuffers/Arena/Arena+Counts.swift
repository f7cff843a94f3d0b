// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

extension Arena {
  /// Current counts of all blocks that jemalloc has given out. Idle blocks are included: only an audit tells them
  /// apart. Exact for allocations that began and ended before the call.
  /// Cost: 5 to 25 µs per arena in the process, because jemalloc adds up its statistics.
  /// - Throws: ``ArenaError/Code/destroyed`` if the arena was destroyed; ``ArenaError/Code/mallctl`` if
  ///   jemalloc refuses a key.
  public func counts() throws(ArenaError) -> ArenaCounts {
    lock.lock()
    defer { lock.unlock() }
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    try Mallctl.refreshStatistics()
    return try readCounts()
  }

  /// Counts of several arenas at one moment. The caller holds the arenas' locks.
  package static func readCounts(of arenas: [Arena]) throws(ArenaError) -> [ArenaCounts] {
    try Mallctl.refreshStatistics()
    var counts: [ArenaCounts] = []
    for arena in arenas { counts.append(try arena.readCounts()) }
    return counts
  }

  /// jemalloc's totals for the process, as of the last refresh of its statistics.
  package static func readProcessCounts() throws(ArenaError) -> ProcessCounts {
    func read(_ name: String) throws(ArenaError) -> Int { Int(try Mallctl.read("stats.\(name)", as: size_t.self)) }
    return ProcessCounts(
      allocated: try read("allocated"), active: try read("active"), metadata: try read("metadata"),
      resident: try read("resident"), mapped: try read("mapped"), retained: try read("retained"))
  }

  /// Hands frees that wait in this thread's jemalloc cache to their arenas. A block of ours that was given to C's
  /// `free` counts as freed only then.
  package static func flushThreadCache() { try? Mallctl.call("thread.tcache.flush") }

  /// Reads the statistics as of the last refresh. The caller holds `lock`.
  func readCounts() throws(ArenaError) -> ArenaCounts {
    let statistics = try ArenaStatistics.shared.get()
    return try unsafe statistics.read(arena: Int(index), likely: holdings.classes)
  }
}

/// The keys of an arena's statistics, looked up once.
struct ArenaStatistics {
  /// The caller may hold an arena's lock, if ``prepare()`` was called before.
  static var shared: Result<ArenaStatistics, ArenaError> { lateShared.value }
  private static let lateShared = ForkSafeLazy { Result { () throws(ArenaError) in try ArenaStatistics() } }
  static func makeStatics() { ForkGuard.touch(lateShared) }

  /// Looks the keys up if that was not done yet. The caller holds no lock.
  static func prepare() { _ = lateShared.value }

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

// What the auditor asks of an arena. The auditor holds the arena's lock.
extension Arena {
  package var isDestroyedNow: Bool { isDestroyed.load(ordering: .relaxed) }
  package var pastLifeCount: Int { pastLives.load(ordering: .relaxed) }

  /// Takes an entry for a block of a size class. The caller holds `lock`.
  package func acquireEntry(sizeClass: Int, in ledger: Ledger) throws(LedgerError) -> LedgerEntry {
    let entry = try ledger.acquireEntry(.init(domain: domain, bucket: UInt16(sizeClass)))
    unsafe holdings.entries += 1
    return entry
  }

  /// Gives an entry of this arena back, and adds the lives that it had to `pastLives`. The caller holds `lock`.
  package func releaseEntry(_ entry: LedgerEntry, in ledger: Ledger) {
    unsafe holdings.entries -= 1
    pastLives.add(ledger.releaseEntry(entry), ordering: .relaxed)
  }
}
