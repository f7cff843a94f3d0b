// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// An arena's idle blocks, sorted by alignment and size class. A block keeps its ledger entry while it waits here, so
/// taking and returning it touches neither the allocator nor the registry.
///
/// Any thread pushes and pops without a lock. Memory is set aside and given back under the arena's lock.
// SAFETY: `bins` is allocated once and made of atomics; `maintenanceState` is guarded by
// ArenaDirectory.maintenanceLock.
@safe final class Depot: @unchecked Sendable {
  let bins: DepotBins
  let surplus: SurplusBlocks
  /// Approximately the bytes given back to jemalloc since the last purge of the arena.
  let unpurgedByteCount = Atomic<Int>(0)
  unowned let arena: Arena
  var maintenanceState = MaintenanceState()

  /// What maintenance remembers from one pass to the next. Guarded by ``ArenaDirectory/maintenanceLock``.
  struct MaintenanceState {
    /// When idle blocks are searched next; nil while there are none.
    var nextSearch: UInt64?
    /// When maintenance first saw that there may be unused pages; nil if it saw none.
    var dirtySince: UInt64?
    /// Whether maintenance has turned jemalloc's own timer for pages off.
    var ownsDecay = false
  }

  /// Only ``Arena/depot`` calls this.
  init(arena: Arena) {
    self.arena = arena
    bins = DepotBins(idleByteLimit: arena.configuration.idleByteLimit)
    surplus = SurplusBlocks(idleByteLimit: arena.configuration.idleByteLimit)
  }

  deinit { bins.deallocate() }

  // MARK: Taking and returning

  /// An idle block for a request; nil if none is kept.
  func pop(_ request: Arena.Request) -> LedgerEntry? {
    bins.pop(
      alignmentLog2: request.alignmentLog2, sizeClass: SizeClass.index(holding: request.capacity),
      capacity: request.capacity)
  }

  /// Whether threads keep blocks of the request's size class for themselves.
  func isCachedByThreads(_ request: Arena.Request) -> Bool {
    request.capacity <= ThreadCacheStorage.largestByteCount && arena.isShared
  }

  /// Ends the life of a block. Keeps the block for reuse, or gives it back to jemalloc if enough is kept.
  func push(_ entry: LedgerEntry) {
    let capacity = entry.capacity
    if entry.endLife(as: .idle) { keep(entry, capacity: capacity) } else { releaseSurplus(entry) }
  }

  /// Keeps an idle block that is on no list, or releases it as surplus if enough is kept.
  func keep(_ entry: LedgerEntry, capacity: Int) {
    if !bins.push(entry, capacity: capacity) { releaseSurplus(entry) }
  }

  /// Releases an idle block that is on no list and is not to be kept: leaves it to the maintenance thread. Gives it
  /// back on this thread if the maintenance thread would not come at once, or if too many blocks wait for it already.
  func releaseSurplus(_ entry: LedgerEntry) {
    // Keep a reference: the arena may be destroyed as soon as the block is on a list or given back.
    let arena = arena
    defer { withExtendedLifetime(arena) {} }
    Maintenance.settleInChild()
    guard Maintenance.isListening, surplus.push(entry) else { return deallocate(entry) }
    Maintenance.callForSurplus()
    // If the maintenance thread was turned off or became busy just now, or could not be started, it did not see this
    // block.
    if !Maintenance.isListening, deallocateSurplus() > 0 { noticeUnusedPages() }
  }

  var rescueCount: Int { bins.rescueCount }

  // MARK: The slow path

  /// Fresh memory with its ledger entry, in state `idle` and on no list. If memory or the ledger is exhausted, gives
  /// back all idle memory of the process and tries once more.
  func allocate(_ request: Arena.Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    Maintenance.settleInChild()
    let isTestOfFailure = arena.failureCountdown.load(ordering: .relaxed) > 0
    do throws(ArenaError) { return try allocateOnce(request, zeroed: zeroed) } catch {
      guard !isTestOfFailure, error.isExhaustion, request.capacity <= Self.conceivableByteCount else { throw error }
      Self.giveUpIdleMemory()
      return try allocateOnce(request, zeroed: zeroed)
    }
  }

  /// Four times the machine's memory, or what the process may map, whichever is less. A larger request is a mistake,
  /// and no arena should lose its idle blocks for it.
  private static var conceivableByteCount: Int {
    let machine = 4 * sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return min(machine, ProcessMemory.nearestLimit?.byteCount ?? machine)
  }

  /// Gives back the idle memory of all arenas, because an arena cannot use what another arena keeps.
  private static func giveUpIdleMemory() {
    ThreadCaches.trim(takesAll: true)
    for arena in ArenaDirectory.all {
      if let depot = arena.depotIfMade {
        _ = depot.trim(keeping: 0)
        for entry in Quarantine.takeAll(of: arena.domain.number) { depot.deallocate(entry) }
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
  func deallocate(_ entry: LedgerEntry) {
    arena.lock.withLock { deallocateUnderLock(entry) }
    noticeUnusedPages()
  }

  /// The most blocks that are given back under one hold of the arena's lock. Threads that wait for the lock can get it
  /// between two batches.
  private static let batchCount = 64

  /// Returns idle blocks that are on no list to jemalloc.
  func deallocate(_ chain: inout EntryChain) {
    while !chain.isEmpty {
      arena.lock.withLock {
        for _ in 0..<Self.batchCount {
          guard let entry = chain.pop() else { break }
          deallocateUnderLock(entry)
        }
      }
      if !chain.isEmpty { pause() }
    }
  }

  /// Lets other threads run between two batches: the lock is not fair, and without this the same thread would get it
  /// again. Also gives surplus blocks back, so that they need not wait for the end of a long list.
  private func pause() {
    sched_yield()
    Maintenance.giveBackSurplusIfCalled()
  }

  private func deallocateUnderLock(_ entry: LedgerEntry) {
    unpurgedByteCount.add(entry.capacity, ordering: .relaxed)
    // SAFETY: an idle entry on no list belongs to the caller alone, and so does its block.
    let pointer = unsafe UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
    arena.releaseEntry(entry, in: .shared)
    unsafe arena.deallocate(pointer)
  }

  /// Takes up to `count` blocks off a list and gives them back, in batches. A batch is taken and given back under the
  /// same hold of the arena's lock, so `Arena.destroy` never finds a block that is in neither place.
  /// - Returns: bytes given back.
  func deallocate(alignmentLog2: UInt32, sizeClass: Int, count: Int, keeping limit: Int = 0) -> Int {
    guard !bins.isEmpty(alignmentLog2: alignmentLog2, sizeClass: sizeClass) else { return 0 }
    let capacity = SizeClass.byteCount(at: sizeClass)
    var rest = count
    var freed = 0
    while rest > 0 {
      let wanted = min(rest, Self.batchCount)
      let taken = arena.lock.withLock {
        deallocateUnderLock(alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: wanted, keeping: limit)
      }
      freed += taken * capacity
      guard taken == wanted else { break }
      rest -= taken
      if rest > 0 { pause() }
    }
    return freed
  }

  private func deallocateUnderLock(alignmentLog2: UInt32, sizeClass: Int, count: Int, keeping limit: Int) -> Int {
    let capacity = SizeClass.byteCount(at: sizeClass)
    var taken = 0
    while taken < count, bins.idleByteCount > limit,
      let entry = bins.pop(alignmentLog2: alignmentLog2, sizeClass: sizeClass, capacity: capacity)
    {
      deallocateUnderLock(entry)
      taken += 1
    }
    return taken
  }

  /// Gives back the blocks that wait for the maintenance thread.
  /// - Returns: bytes given back.
  func deallocateSurplus() -> Int {
    var freed = 0
    while surplus.count > 0 {
      let before = freed
      arena.lock.withLock { freed += giveBackSurplusUnderLock(atMost: Self.batchCount) }
      // Another thread may have counted a block that it has not pushed yet. It calls maintenance when it has.
      if freed == before { break }
    }
    return freed
  }

  private func giveBackSurplusUnderLock(atMost count: Int) -> Int {
    var freed = 0
    for _ in 0..<count {
      guard let entry = surplus.pop() else { break }
      freed += entry.capacity
      deallocateUnderLock(entry)
    }
    return freed
  }

  /// Gives idle blocks back to jemalloc until at most `limit` bytes of them are kept, large ones first.
  /// - Returns: bytes given back.
  func trim(keeping limit: Int) -> Int {
    Maintenance.settleInChild()
    var freed = deallocateSurplus()
    for sizeClass in (0..<SizeClass.count).reversed() where bins.hasIdleBlocks(sizeClass: sizeClass) {
      guard bins.idleByteCount > limit else { break }
      for alignmentLog2 in DepotBins.alignments {
        freed += deallocate(alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: .max, keeping: limit)
      }
    }
    if freed > 0 { noticeUnusedPages() }
    return freed
  }

  /// As ``trim(keeping:)``, for a caller that holds the arena's lock. Gives quarantined blocks back, too.
  func trimUnderLock(keeping limit: Int) -> Int {
    var freed = giveBackSurplusUnderLock(atMost: .max)
    for entry in Quarantine.takeAll(of: arena.domain.number) {
      freed += entry.capacity
      deallocateUnderLock(entry)
    }
    for sizeClass in (0..<SizeClass.count).reversed() where bins.hasIdleBlocks(sizeClass: sizeClass) {
      guard bins.idleByteCount > limit else { break }
      for alignmentLog2 in DepotBins.alignments {
        let count = deallocateUnderLock(
          alignmentLog2: alignmentLog2, sizeClass: sizeClass, count: .max, keeping: limit)
        freed += count * SizeClass.byteCount(at: sizeClass)
      }
    }
    return freed
  }

  /// For tests. No other thread may use the depot meanwhile; holding the lock keeps maintenance away.
  func _checkInvariants() {
    ArenaDirectory.maintenanceLock.withLock { bins._checkInvariants(domain: arena.domain.number) }
  }
}
