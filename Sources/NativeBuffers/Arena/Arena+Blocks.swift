// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

// The slow path of blocks: a block's memory is set aside and given back together with its ledger entry, under the
// arena's lock. Between two owners, a block waits in the arena's depot, which needs no lock.

extension Arena {
  // MARK: Taking a block

  /// An idle block for a request; nil if the depot has none.
  func pop(_ request: Request) -> LedgerEntry? {
    depot.pop(
      alignmentLog2: request.alignmentLog2, sizeClass: SizeClass.index(holding: request.capacity),
      capacity: request.capacity)
  }

  /// Fresh memory with its ledger entry, in state `idle` and on no list. If memory or the ledger is exhausted, gives
  /// back all idle memory of the process and tries once more.
  func allocateBlock(_ request: Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    Maintenance.settleInChild()
    let isTestOfFailure = failureCountdown.load(ordering: .relaxed) > 0
    do throws(ArenaError) { return try allocateBlockOnce(request, zeroed: zeroed) } catch {
      guard !isTestOfFailure, error.isExhaustion, request.capacity <= Self.conceivableByteCount else { throw error }
      Self.deallocateAllIdleMemory()
      return try allocateBlockOnce(request, zeroed: zeroed)
    }
  }

  /// Four times the machine's memory, or what the process may map, whichever is less. A larger request is a mistake,
  /// and no arena should lose its idle blocks for it.
  private static var conceivableByteCount: Int {
    let machine = 4 * sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return min(machine, ProcessMemory.nearestLimit?.byteCount ?? machine)
  }

  /// Gives back the idle memory of all arenas, because an arena cannot use what another arena keeps.
  private static func deallocateAllIdleMemory() {
    ThreadCaches.trim(takesAll: true)
    for arena in ArenaDirectory.all {
      _ = arena.trimDepot(keeping: 0)
      for entry in Quarantine.takeAll(of: arena.domain.number) { arena.deallocate(entry) }
      try? arena.purge()
    }
  }

  private func allocateBlockOnce(_ request: Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    lock.lock()
    defer { lock.unlock() }
    let pointer = unsafe try allocate(request, zeroed: zeroed)
    do throws(LedgerError) {
      let entry = try acquireEntry(sizeClass: SizeClass.index(holding: request.capacity), in: .shared)
      entry.address = UInt(bitPattern: pointer)
      entry.capacity = request.capacity
      entry.alignmentLog2 = request.alignmentLog2
      entry.setState(.idle)
      return entry
    } catch {
      unsafe deallocate(pointer)
      throw ArenaError(.ledger(error), arena: name)
    }
  }

  // MARK: Returning a block

  /// Ends the life of a block whose release was claimed, and pushes the block.
  func release(_ entry: LedgerEntry) {
    if entry.endLife(as: .idle) { push(entry) } else { deallocate(entry) }
  }

  /// Keeps an idle block in the depot, or gives it back to jemalloc if the depot may not keep it.
  func push(_ entry: LedgerEntry) { finishPush(of: entry, depot.push(entry, capacity: entry.capacity)) }

  /// Does what a push to the depot left to its caller.
  func finishPush(of entry: LedgerEntry, _ outcome: Depot.PushOutcome) {
    switch outcome {
    case .kept: break
    case .keptBeyondLimit:
      Maintenance.callForDebts()
      // If the maintenance thread was turned off or became busy just now, or could not be started, it did not see the
      // debt.
      if !Maintenance.isListening, payWholeDebt() > 0 { noticeUnusedPages() }
    case .refused:
      Maintenance.settleInChild()
      deallocate(entry)
    }
  }

  /// Ends the life of a block whose release was claimed, and holds it back for as long as ``Quarantine`` does. Keeps the
  /// blocks that need not be held any longer.
  func quarantine(_ entry: LedgerEntry) {
    guard let released = Quarantine.hold(entry) else { return deallocate(entry) }
    for old in released { ArenaDirectory.arena(of: old)?.push(old) }
  }

  // MARK: Giving blocks back to jemalloc

  /// Gives an idle block that is on no list back to jemalloc.
  func deallocate(_ entry: LedgerEntry) {
    lock.withLock { deallocateUnderLock(entry) }
    noticeUnusedPages()
  }

  private func deallocateUnderLock(_ entry: LedgerEntry) {
    unpurgedByteCount.add(entry.capacity, ordering: .relaxed)
    // SAFETY: an idle entry on no list belongs to the caller alone, and so does its block.
    let pointer = unsafe UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
    releaseEntry(entry, in: .shared)
    unsafe deallocate(pointer)
  }

  /// Says that there are unused pages of which maintenance may not know, so that it purges them in time.
  func noticeUnusedPages() {
    if let depot = depotIfMade, depot.markDirty() { Maintenance.call() }
  }

  /// The most blocks that are given back under one hold of the arena's lock. Threads that wait for the lock can get it
  /// between two batches.
  private static let batchCount = 64

  /// Lets other threads run between two batches: the lock is not fair, and without this the same thread would get it
  /// again. Also pays the depots' debts, which must not wait for the end of a long list.
  private func pauseBetweenBatches() {
    sched_yield()
    Maintenance.payDebtsIfCalled()
  }

  /// Gives idle blocks that are on no list back to jemalloc.
  func deallocate(_ chain: inout EntryChain) {
    while !chain.isEmpty {
      lock.withLock {
        for _ in 0..<Self.batchCount {
          guard let entry = chain.pop() else { break }
          deallocateUnderLock(entry)
        }
      }
      if !chain.isEmpty { pauseBetweenBatches() }
    }
  }

  /// Gives blocks of one list back to jemalloc, while a condition holds. A batch is popped and given back under the same
  /// hold of the arena's lock, so ``destroy()`` never finds a block that is in neither place.
  /// - Returns: bytes given back.
  func deallocateIdle(
    alignmentLog2: UInt32, sizeClass: Int, atMost count: Int = .max, while condition: () -> Bool = { true }
  ) -> Int {
    var rest = count
    while rest > 0, !depot.isEmpty(alignmentLog2: alignmentLog2, sizeClass: sizeClass) {
      let wanted = min(rest, Self.batchCount)
      let taken = lock.withLock {
        deallocateIdleUnderLock(
          alignmentLog2: alignmentLog2, sizeClass: sizeClass, atMost: wanted, while: condition)
      }
      rest -= taken
      guard taken == wanted else { break }
      if rest > 0 { pauseBetweenBatches() }
    }
    return (count - rest) * SizeClass.byteCount(at: sizeClass)
  }

  private func deallocateIdleUnderLock(
    alignmentLog2: UInt32, sizeClass: Int, atMost count: Int, while condition: () -> Bool
  ) -> Int {
    var taken = 0
    while taken < count, condition(),
      let entry = depot.popForDeallocation(alignmentLog2: alignmentLog2, sizeClass: sizeClass)
    {
      deallocateUnderLock(entry)
      taken += 1
    }
    return taken
  }

  /// Gives idle blocks of all lists back to jemalloc while a condition holds, large ones first. The caller holds `lock`.
  /// - Returns: bytes given back.
  private func deallocateIdleUnderLock(atMost count: Int, while condition: () -> Bool) -> Int {
    var rest = count
    var freed = 0
    for sizeClass in (0..<SizeClass.count).reversed() where depot.hasIdleBlocks(sizeClass: sizeClass) {
      for alignmentLog2 in Depot.alignments {
        guard rest > 0, condition() else { return freed }
        let taken = deallocateIdleUnderLock(
          alignmentLog2: alignmentLog2, sizeClass: sizeClass, atMost: rest, while: condition)
        rest -= taken
        freed += taken * SizeClass.byteCount(at: sizeClass)
      }
    }
    return freed
  }

  /// Gives idle blocks back, large ones first, until at most `limit` bytes of them are in the depot.
  /// - Returns: bytes given back.
  func trimDepot(keeping limit: Int) -> Int {
    Maintenance.settleInChild()
    guard let depot = depotIfMade else { return 0 }
    var freed = payWholeDebt()
    for sizeClass in (0..<SizeClass.count).reversed() where depot.hasIdleBlocks(sizeClass: sizeClass) {
      for alignmentLog2 in Depot.alignments where depot.idleByteCount > limit {
        freed += deallocateIdle(alignmentLog2: alignmentLog2, sizeClass: sizeClass) { depot.idleByteCount > limit }
      }
    }
    if freed > 0 { noticeUnusedPages() }
    return freed
  }

  /// As ``payDebt()``, until nothing more can be done.
  func payWholeDebt() -> Int {
    var freed = 0
    while true {
      let paid = payDebt()
      if paid == 0 { return freed }
      freed += paid
    }
  }

  /// Gives up to 64 idle blocks back, large ones first, until the depot has no debt: see Depot+Room.swift.
  /// - Returns: bytes given back; 0 if nothing more can be done. If there is a debt then, other threads have the blocks
  ///   or the room in their hands, and the next one that lists a block must call maintenance.
  func payDebt() -> Int {
    guard let depot = depotIfMade, depot.debt > 0 else { return 0 }
    let freed = payDebtOnce(depot)
    if freed > 0 || depot.debt == 0 { return freed }
    depot.unwatch()
    // A thread that did not see this has listed its block by now.
    return payDebtOnce(depot)
  }

  private func payDebtOnce(_ depot: Depot) -> Int {
    lock.withLock {
      depot.withdrawRoom()
      return deallocateIdleUnderLock(atMost: Self.batchCount) { depot.debt > 0 }
    }
  }

  /// Gives all idle and quarantined blocks back. The caller holds `lock`.
  func deallocateAllUnderLock() {
    for entry in Quarantine.takeAll(of: domain.number) { deallocateUnderLock(entry) }
    if depotIfMade != nil { _ = deallocateIdleUnderLock(atMost: .max) { true } }
  }

  /// For tests. No other thread may use the depot meanwhile; holding the locks keeps maintenance away.
  func _checkInvariants() {
    Maintenance.workLock.withLock { lock.withLock { depot._checkInvariants(domain: domain.number) } }
  }
}
