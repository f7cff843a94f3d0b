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

  /// Adds what jemalloc counts of the arena to an answer, as of the last refresh. Allocates nothing. The caller holds
  /// `lock`.
  /// - Returns: the bytes that are allocated.
  func addCounts(to answer: AnswerWriter) throws(ArenaError) -> Int {
    let statistics = try ArenaStatistics.shared.get()
    let memory = try statistics.readMemory(arena: Int(index))
    guard let row = answer.addArena(domain.number, number: index, memory) else { return memory.allocated }
    try unsafe statistics.readBlocks(arena: Int(index), byteCount: memory.allocated, likely: holdings.classes) {
      answer.setBlocks($1, arena: row, sizeClass: $0)
    }
    return memory.allocated
  }

  /// Whether the arena has a block, for a handle or for reuse.
  var hasBlocks: Bool { lock.withLock { unsafe holdings.blocks > 0 } }

  /// Reads the statistics as of the last refresh. The caller holds `lock`.
  func readCounts() throws(ArenaError) -> ArenaCounts {
    let statistics = try ArenaStatistics.shared.get()
    return try unsafe statistics.read(arena: Int(index), likely: holdings.classes)
  }
}

// What the auditor asks of an arena. The auditor holds the arena's lock.
extension Arena {
  package var isDestroyedNow: Bool { isDestroyed.load(ordering: .relaxed) }
  /// The number of lives that ended in entries that the arena has given back, see LedgerEntry.endedLives.
  package var pastLifeCount: Int {
    Int(
      clamping: unsafe Ledger.shared.domainField64(LedgerLayout.DomainField.endedLives, of: domain).pointee
        .load(ordering: .relaxed))
  }
}
