// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

extension Arena {
  /// Gives idle blocks back to jemalloc, large ones first.
  ///
  /// jemalloc keeps their pages until they decay; ``purge()`` returns the pages at once. Buffers that are created and
  /// disposed meanwhile are not disturbed. ``MaintenanceThread`` does the same by itself, in time.
  ///
  /// Each thread keeps up to 2 MiB of the shared arena's blocks for itself. This gives back those of the calling
  /// thread. With a limit of 0 it also gives back those of the other threads, except for a thread that is just using
  /// them, and unless the kernel refuses `membarrier`.
  /// - Parameter limit: bytes of idle blocks that may stay.
  /// - Returns: bytes given back.
  @discardableResult
  public func trim(keeping limit: Int = 0) -> Int {
    var freed = 0
    if isShared {
      _ = ThreadCaches.withExisting { $0.empty(into: self) }
      if limit <= 0 { freed = ThreadCaches.trim(takesAll: true) }
    }
    return freed + trimDepot(keeping: max(0, limit))
  }

  /// The number of this arena's buffers that were not disposed before their last reference was released. Takes no lock,
  /// because the auditor holds the arena's lock.
  package var rescueCount: Int { depotIfMade?.rescueCount ?? 0 }

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
    depot.requestCall()
    // A thread that did not see this has listed its block by now.
    return payDebtOnce(depot)
  }

  private func payDebtOnce(_ depot: Depot) -> Int {
    lock.withLock {
      depot.withdrawRoom()
      return deallocateLargestUnderLock(atMost: Self.batchCount) { depot.debt > 0 }
    }
  }

  /// Gives all idle and quarantined blocks back. The caller holds `lock`.
  func deallocateAllUnderLock() {
    for entry in Quarantine.takeAll(of: domain.number) { deallocateUnderLock(entry) }
    if depotIfMade != nil { _ = deallocateLargestUnderLock(atMost: .max) { true } }
  }

  // MARK: Idle blocks

  /// Gives blocks of one list back to jemalloc, while a condition holds. A batch is popped and given back under the
  /// same hold of the arena's lock, so ``destroy()`` never finds a block that is in neither place.
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

  /// Gives idle blocks of all lists back while a condition holds, large ones first. The caller holds `lock`.
  /// - Returns: bytes given back.
  private func deallocateLargestUnderLock(atMost count: Int, while condition: () -> Bool) -> Int {
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
}
