// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// What the maintenance thread does each time that it wakes. It holds ``Maintenance/workLock`` while it works on an
// arena, and that arena's lock for at most 64 blocks at a time.

extension Maintenance {
  /// Looks after every arena once. First, pays the depots' debts.
  /// - Returns: when to make the next pass; nil if none is needed before the next call.
  static func pass(at now: UInt64) -> UInt64? {
    payDebtsIfCalled()
    var due: UInt64?
    for arena in ArenaDirectory.all where arena.depotIfMade != nil {
      let next = withWorkLock { arena.lookAfter(at: now) }
      payDebtsIfCalled()
      if let next { due = min(due ?? next, next) }
    }
    guard let next = trimToMappingRoom(at: now) else { return due }
    return min(due ?? next, next)
  }

  /// Runs a closure that needs ``workLock``. Refuses debts while it waits for that lock, because a client's purge may
  /// hold it for long.
  private static func withWorkLock<R>(_ body: () -> R) -> R {
    if !workLock.tryLock() { refusingDebts(if: true) { workLock.lock() } }
    defer { workLock.unlock() }
    return body()
  }

  // MARK: Debts

  /// Pays the debts of all depots, if a thread called for that. The caller holds no arena's lock.
  static func payDebtsIfCalled() {
    if debtsWait.load(ordering: .relaxed), debtsWait.exchange(false, ordering: .sequentiallyConsistent) { payDebts() }
  }

  /// Pays a part of each debt in turn, so that no depot waits until the large debt of another one is paid.
  private static func payDebts() {
    var isPaid = false
    while !isPaid {
      isPaid = true
      for arena in ArenaDirectory.all where arena.payDebt() > 0 {
        isPaid = false
        _ = arena.depot.markDirty()
      }
    }
  }

  /// Runs a step of the thread's work that cannot be interrupted. If it may be long, the thread refuses debts
  /// meanwhile.
  static func refusingDebts<R>(if isLong: Bool, _ step: () -> R) -> R {
    guard isLong else { return step() }
    refusesDebts.store(true, ordering: .sequentiallyConsistent)
    defer { refusesDebts.store(false, ordering: .sequentiallyConsistent) }
    payDebts()
    return step()
  }

  // MARK: Limits of the process on what it maps

  private static let lookInterval: UInt64 = 100_000_000

  /// Gives back the idle memory that exceeds what the process may still map (``MappingRoom``), with its pages and their
  /// addresses.
  /// - Returns: when to look again; nil if nothing is idle or the process has no limit.
  private static func trimToMappingRoom(at now: UInt64) -> UInt64? {
    guard var left = ProcessMemory.mappableByteCount else { return nil }
    let arenas = ArenaDirectory.all.filter { $0.depotIfMade != nil }
    for arena in arenas { arena.depot.withdrawRoom() }
    let kept = ThreadCaches.attachedCount * ThreadCaches.byteLimit
    let idle = arenas.map(\.depot.idleByteCount)
    let total = idle.reduce(0, +)
    let unpurged = arenas.reduce(0) { $0 + $1.unpurgedByteCount.load(ordering: .relaxed) }
    if total + kept + unpurged > left {
      if kept > 0, ThreadCaches.trim() > 0 { _ = Arena.shared.depot.markDirty() }
      for arena in arenas { withWorkLock { arena.purgeNow() } }
      left = ProcessMemory.mappableByteCount ?? .max
    }
    if total > left {
      // Each byte that is given back makes the idle memory one byte smaller and the room one byte larger. So half of
      // the excess is enough.
      let share = Double(total - left) / 2 / Double(total)
      for (arena, byteCount) in zip(arenas, idle) {
        _ = arena.trimDepot(keeping: byteCount - Int((Double(byteCount) * share).rounded(.up)))
        withWorkLock { arena.purgeNow() }
      }
    }
    return total + kept > 0 ? now + lookInterval : nil
  }
}
