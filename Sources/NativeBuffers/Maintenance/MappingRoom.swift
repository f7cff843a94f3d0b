// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

/// Sees to it that idle memory does not take from `malloc`, and from everything else, what the process may still map
/// where that is limited (`ulimit -v`, `ulimit -d`): no more lies idle than is left beside it.
///
/// Depots ask before they keep more, and the maintenance thread looks ten times a second while any memory is idle. Where
/// the process has no such limit, all of this costs a system call whenever a depot sets room aside, which it does a few
/// times in its life.
enum MappingRoom {
  /// Bytes that are idle in depots or may become so without asking. Sums may wrap, differences are right.
  private static let granted = Atomic<Int>(0)

  static func makeStatics() { ForkGuard.touch(granted) }

  private static let interval: UInt64 = 100_000_000

  /// Room for a depot, up to so many bytes.
  static func grant(atMost byteCount: Int) -> Int {
    guard byteCount > 0 else { return 0 }
    guard let left = ProcessMemory.mappableByteCount else {
      granted.wrappingAdd(byteCount, ordering: .relaxed)
      return byteCount
    }
    var seen = granted.load(ordering: .relaxed)
    while true {
      let allowed = min(byteCount, max(0, left &- seen))
      let (exchanged, original) = granted.weakCompareExchange(
        expected: seen, desired: seen &+ allowed, ordering: .relaxed)
      if exchanged { return allowed }
      seen = original
    }
  }

  /// Room that a depot has no more.
  static func withdraw(_ byteCount: Int) { granted.wrappingSubtract(byteCount, ordering: .relaxed) }

  /// Gives back what lies idle beyond what is left, with its pages and their addresses. By maintenance.
  /// - Returns: when to look again; nil if nothing is idle, or nothing limited.
  static func look(at now: UInt64) -> UInt64? {
    guard var left = ProcessMemory.mappableByteCount else { return nil }
    let depots = ArenaDirectory.all.compactMap { $0.depotIfMade }
    for depot in depots { depot.shelves.withdrawRoom() }
    let kept = ThreadCaches.attachedCount * ThreadCaches.byteLimit
    let idle = depots.map(\.shelves.idleByteCount)
    let total = idle.reduce(0, +)
    let unpurged = depots.reduce(0) { $0 + $1.unpurgedByteCount.load(ordering: .relaxed) }
    if total + kept + unpurged > left {
      if kept > 0, ThreadCaches.trim() > 0 { _ = Arena.shared.depot.shelves.markDirty() }
      for depot in depots { Maintenance.withUpkeep { depot.purgeNow() } }
      left = ProcessMemory.mappableByteCount ?? .max
    }
    if total > left {
      // A byte that goes is one byte less idle, and one more left.
      let share = Double(total - left) / 2 / Double(total)
      for (depot, byteCount) in zip(depots, idle) {
        _ = depot.trim(keeping: byteCount - Int((Double(byteCount) * share).rounded(.up)))
        depot.shelves.withdrawRoom()
        Maintenance.withUpkeep { depot.purgeNow() }
      }
    }
    return total + kept > 0 ? now + interval : nil
  }
}
