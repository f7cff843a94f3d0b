// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// An arena's idle blocks, sorted by alignment and size class. A block keeps its ledger entry while it
/// waits here, so taking and returning one touches neither the allocator nor the registry.
///
/// Any thread pushes and pops without a lock. Memory is set aside and given back under the arena's lock.
// SAFETY: `shelves` is allocated once and made of atomics; `upkeep` is guarded by ArenaDirectory.upkeep.
@safe final class Depot: @unchecked Sendable {
  let shelves: DepotShelves
  let surplus: SurplusBlocks
  /// Bytes given back to jemalloc since the last purge of the arena, about.
  let unpurgedByteCount = Atomic<Int>(0)
  unowned let arena: Arena
  var upkeep = Upkeep()

  /// What maintenance remembers from one pass to the next.
  struct Upkeep {
    /// When idle blocks are looked through next; nil while there are none.
    var nextSearch: UInt64?
    /// Since when there may be unused pages, as far as maintenance saw; nil for none.
    var dirtySince: UInt64?
    /// Whether jemalloc's own timer for pages is off.
    var ownsDecay = false
  }

  /// Only ``Arena/depot`` makes one.
  init(arena: Arena) {
    self.arena = arena
    shelves = DepotShelves(idleByteLimit: arena.configuration.idleByteLimit)
    surplus = SurplusBlocks(idleByteLimit: arena.configuration.idleByteLimit)
  }

  deinit { shelves.deallocate() }

  // MARK: Taking and returning

  /// An idle block for a request, nil where none is kept.
  func pop(_ request: Arena.Request) -> LedgerEntry? {
    shelves.pop(
      alignmentLog2: request.alignmentLog2, sizeClass: SizeClass.index(holding: request.capacity),
      capacity: request.capacity)
  }

  /// Whether threads keep blocks of such a request's class.
  func isCachedByThreads(_ request: Arena.Request) -> Bool {
    request.capacity <= ThreadCacheStorage.largestByteCount && arena.isShared
  }

  /// Ends the life of a block and keeps it for reuse, or gives it back to the arena where enough is kept.
  func push(_ entry: LedgerEntry) {
    let capacity = entry.capacity
    if entry.endLife(as: .idle) { keep(entry, capacity: capacity) } else { releaseSurplus(entry) }
  }

  /// Keeps an idle block that is on no list, or has it given back to the arena where enough is kept.
  func keep(_ entry: LedgerEntry, capacity: Int) {
    if !shelves.push(entry, capacity: capacity) { releaseSurplus(entry) }
  }

  /// Leaves an idle block that is on no list, and not to be kept, to the maintenance thread. If that would not come at
  /// once, or if too many wait for it already, gives it back here.
  func releaseSurplus(_ entry: LedgerEntry) {
    // The arena lives as long as the block is on no list, and perhaps no longer.
    let arena = arena
    defer { withExtendedLifetime(arena) {} }
    Maintenance.settleInChild()
    guard Maintenance.isListening, surplus.push(entry) else { return giveBack(entry) }
    Maintenance.callForSurplus()
    // Turned off or busy just now, or no thread was to be had: it did not see this block.
    if !Maintenance.isListening, giveBackSurplus() > 0 { noticeUnusedPages() }
  }

  var rescueCount: Int { shelves.rescueCount }

  // MARK: The slow path

  /// Fresh memory with its ledger entry, in state `idle` and on no list. If there is none, or if the ledger is full, all
  /// idle memory of the process is given up for it first.
  func allocate(_ request: Arena.Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    Maintenance.settleInChild()
    let isTestOfFailure = arena.failureCountdown.load(ordering: .relaxed) > 0
    do throws(ArenaError) { return try allocateOnce(request, zeroed: zeroed) } catch {
      guard !isTestOfFailure, error.isExhaustion, request.capacity <= Self.conceivableByteCount else { throw error }
      Self.giveUpIdleMemory()
      return try allocateOnce(request, zeroed: zeroed)
    }
  }

  /// Four times the machine's memory, or what the process may map: a request beyond that is a mistake, for which nobody
  /// is to lose idle blocks.
  private static var conceivableByteCount: Int {
    let machine = 4 * sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return min(machine, ProcessMemory.nearestLimit?.byteCount ?? machine)
  }

  /// Of all arenas: what one of them keeps, another cannot have.
  private static func giveUpIdleMemory() {
    ThreadCaches.trim(takesAll: true)
    for arena in ArenaDirectory.all {
      if let depot = arena.depotIfMade {
        _ = depot.trim(keeping: 0)
        for entry in Quarantine.takeAll(of: arena.domain.number) { depot.giveBack(entry) }
      }
      try? arena.purge()
    }
  }

  private func allocateOnce(_ request: Arena.Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    arena.lock.lock()
    defer { arena.lock.unlock() }
    let pointer = unsafe try arena.allocate(request, zeroed: zeroed)
    do throws(LedgerError) {
      let sizeClass = SizeClass.index(holding: request.capacity)
      let entry = try arena.acquireEntry(sizeClass: sizeClass, in: .shared)
      entry.address = UInt(bitPattern: pointer)
      entry.capacity = request.capacity
      entry.alignmentLog2 = request.alignmentLog2
      entry.setState(.idle)
      return entry
    } catch {
      unsafe arena.deallocate(pointer)
      throw ArenaError(.ledger(error), arena: arena.name)
    }
  }

  /// Returns an idle block that is on no list to jemalloc.
  func giveBack(_ entry: LedgerEntry) {
    arena.lock.withLock { giveBackUnderLock(entry) }
    noticeUnusedPages()
  }

  /// Blocks given back at a time: whoever waits for the arena's lock gets it in between.
  private static let batchCount = 64

  /// Returns idle blocks that are on no list to jemalloc.
  func giveBack(_ chain: inout EntryChain) {
    while !chain.isEmpty {
      arena.lock.withLock {
        for _ in 0..<Self.batchCount {
          guard let entry = chain.pop() else { break }
          giveBackUnderLock(entry)
        }
      }
      if !chain.isEmpty { pause() }
    }
  }

  /// Between two batches. The lock is not fair: without this its next owner would be this thread again. And nothing that
  /// waits to be given back waits for the end of a long list.
  private func pause() {
    sched_yield()
    Maintenance.giveBackSurplusIfCalled()
  }

  private func giveBackUnderLock(_ entry: LedgerEntry) {
    unpurgedByteCount.add(entry.capacity, ordering: .relaxed)
    // SAFETY: an idle entry on no list is the caller's alone, and so is its block.
    let pointer = unsafe UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
    arena.retireEntry(entry, in: .shared)
    unsafe arena.deallocate(pointer)
  }

  /// Takes up to `count` blocks off a bin and gives them back, each under one lock with taking it: a block
  /// that is on its way is in nobody's way, see Arena.destroy.
  /// - Returns: bytes given back.
  func giveBack(alignmentLog2: UInt32, sizeClass: Int, count: Int, keeping limit: Int = 0) -> Int {
    guard !shelves.isEmpty(alignmentLog2: alignmentLog2, sizeClass: sizeClass) else { return 0 }
    let capacity = SizeClass.byteCount(at: sizeClass)
    var rest = count
    var freed = 0
    while rest > 0 {
      let wanted = min(rest, Self.batchCount)
      let taken = arena.lock.withLock {
        giveBackUnderLock(alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: wanted, keeping: limit)
      }
      freed += taken * capacity
      guard taken == wanted else { break }
      rest -= taken
      if rest > 0 { pause() }
    }
    return freed
  }

  private func giveBackUnderLock(alignmentLog2: UInt32, sizeClass: Int, count: Int, keeping limit: Int) -> Int {
    let capacity = SizeClass.byteCount(at: sizeClass)
    var taken = 0
    while taken < count, shelves.idleByteCount > limit,
      let entry = shelves.pop(alignmentLog2: alignmentLog2, sizeClass: sizeClass, capacity: capacity)
    {
      giveBackUnderLock(entry)
      taken += 1
    }
    return taken
  }

  /// Gives back what waits for the maintenance thread.
  /// - Returns: bytes given back.
  func giveBackSurplus() -> Int {
    var freed = 0
    while surplus.count > 0 {
      let before = freed
      arena.lock.withLock { freed += giveBackSurplusUnderLock(atMost: Self.batchCount) }
      // Somebody may have counted a block that is not there yet, and will call when it is.
      if freed == before { break }
    }
    return freed
  }

  private func giveBackSurplusUnderLock(atMost count: Int) -> Int {
    var freed = 0
    for _ in 0..<count {
      guard let entry = surplus.pop() else { break }
      freed += entry.capacity
      giveBackUnderLock(entry)
    }
    return freed
  }

  /// Gives idle blocks back to jemalloc until at most `limit` bytes of them are kept, large ones first.
  /// - Returns: bytes given back.
  func trim(keeping limit: Int) -> Int {
    Maintenance.settleInChild()
    var freed = giveBackSurplus()
    for sizeClass in (0..<SizeClass.count).reversed() where shelves.hasIdleBlocks(sizeClass: sizeClass) {
      guard shelves.idleByteCount > limit else { break }
      for alignmentLog2 in DepotShelves.alignments {
        freed += giveBack(alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: .max, keeping: limit)
      }
    }
    if freed > 0 { noticeUnusedPages() }
    return freed
  }

  /// The same by a caller that holds the arena's lock.
  func trimUnderLock(keeping limit: Int) -> Int {
    var freed = giveBackSurplusUnderLock(atMost: .max)
    for entry in Quarantine.takeAll(of: arena.domain.number) {
      freed += entry.capacity
      giveBackUnderLock(entry)
    }
    for sizeClass in (0..<SizeClass.count).reversed() where shelves.hasIdleBlocks(sizeClass: sizeClass) {
      guard shelves.idleByteCount > limit else { break }
      for alignmentLog2 in DepotShelves.alignments {
        let count = giveBackUnderLock(
          alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: .max, keeping: limit)
        freed += count * SizeClass.byteCount(at: sizeClass)
      }
    }
    return freed
  }

  /// For tests. Nobody else may use the depot meanwhile; maintenance is kept away.
  func _checkInvariants() {
    ArenaDirectory.upkeep.withLock { shelves._checkInvariants(domain: arena.domain.number) }
  }
}
