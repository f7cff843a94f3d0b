import Glibc
import ResourceLedger
import Synchronization

extension Arena {
  /// Current counts, of all blocks that the allocator has given out: idle ones too, which only an audit tells apart.
  /// Exact for allocations that began and ended before the call.
  /// Cost: about 16 µs per arena in the process, and 20 µs for reading.
  public func counts() throws(ArenaError) -> ArenaCounts {
    lock.lock()
    defer { lock.unlock() }
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    try Mallctl.refreshStatistics()
    return try readCounts()
  }

  /// Counts of several arenas at one moment. The caller holds their locks.
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

  /// Hands frees that wait in this thread's jemalloc cache to their arenas: a block of ours that was given
  /// to C's `free` shows only then.
  package static func flushThreadCache() { try? Mallctl.call("thread.tcache.flush") }

  /// Reads the statistics as last refreshed. Under `lock`.
  func readCounts() throws(ArenaError) -> ArenaCounts {
    let statistics = try ArenaStatistics.shared.get()
    return try statistics.read(arena: Int(index))
  }
}

/// The keys of an arena's statistics, looked up once.
struct ArenaStatistics {
  /// After ``prepare()``: the caller may hold an arena's lock.
  static var shared: Result<ArenaStatistics, ArenaError> { lateShared.value }
  private static let lateShared = LateStatic { Result { () throws(ArenaError) in try ArenaStatistics() } }
  static func makeStatics() { ForkGuard.touch(lateShared) }

  /// Looks the keys up where that was not done yet. Under no lock.
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

  func read(arena: Int) throws(ArenaError) -> ArenaCounts {
    func bytes(_ path: MallctlPath) throws(ArenaError) -> Int { Int(try path.read((2, arena), as: size_t.self)) }
    var live = [Int](repeating: 0, count: SizeClass.count)
    for index in 0..<SizeClass.count {
      live[index] =
        index < smallClassCount
        ? Int(try liveSmall.read((2, arena), (4, index), as: size_t.self))
        : Int(try liveLarge.read((2, arena), (4, index - smallClassCount), as: size_t.self))
    }
    return ArenaCounts(
      liveCounts: live, byteCount: try bytes(smallBytes) + bytes(largeBytes),
      active: try bytes(activePages) * pageSize, dirty: try bytes(dirtyPages) * pageSize,
      muzzy: try bytes(muzzyPages) * pageSize, retained: try bytes(retained),
      metadata: try bytes(base) + bytes(`internal`), resident: try bytes(resident))
  }
}

// What the auditor asks of an arena whose lock it holds.
extension Arena {
  package var isDestroyedNow: Bool { isDestroyed.load(ordering: .relaxed) }
  package var retiredLifeCount: Int { retiredLives.load(ordering: .relaxed) }

  /// Gives an entry of this arena back, and remembers the lives it had.
  package func retireEntry(_ entry: LedgerEntry, in ledger: Ledger) {
    retiredLives.add(ledger.releaseEntry(entry), ordering: .relaxed)
  }
}
