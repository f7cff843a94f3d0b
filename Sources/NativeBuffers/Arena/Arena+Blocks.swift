// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

// The slow path of blocks: a block's memory is set aside and given back together with its ledger entry, under the
// arena's lock. Between two owners, a block waits in the arena's depot, which needs no lock.
//
//     acquire, release        begin and end the life of a block that a handle owns
//     pop, push               take an idle block from a list, and put it on one: of a thread's cache, or of the depot
//     allocate, deallocate    get a block's memory from jemalloc, and give it back
//     trim                    deallocate idle blocks until few enough are left (Arena+Trimming.swift)
//     purge                   give unused pages back to the kernel

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
    defer { Maintenance.callForSeconds() }
    let isTestOfFailure = failureCountdown.load(ordering: .relaxed) > 0
    do throws(ArenaError) { return try allocateBlockOnce(request, zeroed: zeroed) } catch {
      do throws(ArenaError) {
        guard !isTestOfFailure, error.isExhaustion, request.capacity <= Self.conceivableByteCount else { throw error }
        Self.deallocateAllIdleMemory()
        return try allocateBlockOnce(request, zeroed: zeroed)
      } catch {
        if error.isExhaustion { Maintenance.recordFailure(ofByteCount: request.byteCount) }
        throw error
      }
    }
  }

  /// Four times the machine's memory, or what the process may map, whichever is less. A larger request that fails would
  /// fail again, and no arena should lose its idle blocks for it. The first try has no such limit: a block is address
  /// space until it is touched, and a client may want a large block of which it touches little.
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
  func push(_ entry: LedgerEntry) { finishPush(of: entry, depot.push(entry)) }

  /// Does what a push to the depot left to its caller. Here is who pays a depot's debt (Depot+Room.swift), and when:
  ///
  /// 1. If no room is left and the maintenance thread accepts debts, a push makes a debt (`Depot.makeDebt`). The next
  ///    push that lists a block, mostly the same one, has the outcome `keptBeyondLimit`.
  /// 2. The thread of that push calls the maintenance thread (`Maintenance.callForDebts`). That thread gives blocks
  ///    back until there is no debt (`payDebt`): before everything else, and several times during long work.
  /// 3. If the maintenance thread does not accept debts any more, because it is turned off or began a long step just
  ///    now, the thread of the push pays here.
  /// 4. If there is neither a block to give back nor room, other threads have them in their hands. Then the next push
  ///    begins again with step 2.
  func finishPush(of entry: LedgerEntry, _ outcome: Depot.PushOutcome) {
    switch outcome {
    case .kept: break
    case .keptBeyondLimit:
      Maintenance.callForDebts()
      // The maintenance thread did not see the debt if it was turned off or began a long step just now, or could not
      // be started.
      if !Maintenance.acceptsDebts, payWholeDebt() > 0 { noticeUnusedPages() }
    case .refused:
      Maintenance.settleInChild()
      deallocate(entry)
    }
  }

  /// Ends the life of a block whose release was claimed, and holds it back for as long as ``Quarantine`` does. Keeps
  /// the blocks that need not be held any longer.
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

  func deallocateUnderLock(_ entry: LedgerEntry) {
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
  static var batchCount: Int { 64 }

  /// Lets other threads run between two batches: the lock is not fair, and without this the same thread would get it
  /// again. Also pays the depots' debts, which must not wait for the end of a long list.
  func pauseBetweenBatches() {
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

  // MARK: Memory and ledger entries

  /// Sets memory aside without jemalloc's thread caches. The caller holds `lock`.
  /// Cost: about 140 ns if jemalloc has the memory; a system call if it has not.
  package func allocate(_ request: Request, zeroed: Bool) throws(ArenaError) -> UnsafeMutableRawPointer {
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    let pointer =
      unsafe mustFail() ? nil : cjemalloc_allocate(request.capacity, index, request.alignmentLog2, zeroed)
    guard let pointer = unsafe pointer, unsafe leavesEnough(pointer) else {
      throw ArenaError(
        .outOfMemory(byteCount: request.byteCount, alignment: 1 << Int(request.alignmentLog2)), arena: name,
        shortage: .afterRequest(of: request.capacity))
    }
    unsafe holdings.blocks += 1
    unsafe Ledger.shared.domainField64(LedgerLayout.DomainField.allocatedBlocks, of: domain).pointee
      .wrappingAdd(1, ordering: .relaxed)
    unsafe holdings.classes.insert(SizeClass.index(holding: request.capacity))
    if configuration.prefersHugePages { unsafe askForHugePages(pointer, byteCount: request.capacity) }
    return unsafe pointer
  }

  /// Of what the process may map, this many bytes are left for `malloc`: if `malloc` had none, Swift would end the
  /// process before the error for it is made.
  private static let reservedByteCount = 8 << 20

  /// Whether enough is left beside a new block. If not, gives the block back.
  private func leavesEnough(_ pointer: UnsafeMutableRawPointer) -> Bool {
    guard isMappingLimited, let left = ProcessMemory.mappableByteCount, left < Self.reservedByteCount
    else { return true }
    unsafe cjemalloc_deallocate(pointer)
    try? Mallctl.call("arena.\(index).purge")
    return false
  }

  private static let hugePageByteCount: UInt = 2 << 20

  /// Asks for huge pages for the whole huge pages inside a block. Pages that it shares with its neighbours stay as they
  /// are. If the kernel refuses, nothing else changes.
  private func askForHugePages(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    let mask = Self.hugePageByteCount - 1
    let first = (UInt(bitPattern: pointer) + mask) & ~mask
    let end = (UInt(bitPattern: pointer) + UInt(byteCount)) & ~mask
    guard first < end, let start = unsafe UnsafeMutableRawPointer(bitPattern: first) else { return }
    unsafe madvise(start, Int(end - first), MADV_HUGEPAGE)
  }

  /// Gives a block of this arena back to jemalloc. The caller holds `lock`.
  package func deallocate(_ pointer: UnsafeMutableRawPointer) {
    unsafe holdings.blocks -= 1
    unsafe cjemalloc_deallocate(pointer)
  }

  private func mustFail() -> Bool {
    guard failureCountdown.load(ordering: .relaxed) > 0 else { return false }
    return failureCountdown.subtract(1, ordering: .relaxed).newValue == 0
  }

  /// Takes an entry for a block of a size class. The caller holds `lock`.
  package func acquireEntry(sizeClass: Int, in ledger: Ledger) throws(LedgerError) -> LedgerEntry {
    let entry = try ledger.acquireEntry(.init(domain: domain, bucket: UInt8(sizeClass)))
    unsafe holdings.entries += 1
    return entry
  }

  /// Gives an entry of this arena back, and adds the lives that it had to the domain's record. The caller
  /// holds `lock`.
  package func releaseEntry(_ entry: LedgerEntry, in ledger: Ledger) {
    unsafe holdings.entries -= 1
    unsafe ledger.domainField64(LedgerLayout.DomainField.endedLives, of: domain).pointee
      .wrappingAdd(UInt64(ledger.releaseEntry(entry)), ordering: .relaxed)
  }

  /// For tests. No other thread may use the depot meanwhile; holding the locks keeps maintenance away.
  func _checkInvariants() {
    Maintenance.workLock.withLock { lock.withLock { depot._checkInvariants(domain: domain.number) } }
  }
}
