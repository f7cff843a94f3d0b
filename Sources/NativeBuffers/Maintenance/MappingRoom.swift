// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

/// Keeps idle memory small if what the process may map is limited (`ulimit -v`, `ulimit -d`): no more is idle than the
/// process may still map beside it, so that `malloc` and everything else find room.
///
/// Depots ask before they keep more, and the maintenance thread looks ten times a second while any memory is idle. If
/// the process has no such limit, this costs only the system calls that look for one, whenever a depot sets room aside,
/// which it does a few times in its life.
enum MappingRoom {
  /// Bytes that are idle in depots, or may become so without asking. The sum may wrap; differences are still right.
  private static let granted = Atomic<Int>(0)

  static func makeStatics() { ForkGuard.touch(granted) }

  private static let interval: UInt64 = 100_000_000

  /// Grants a depot room, up to `byteCount` bytes.
  /// - Returns: the bytes granted.
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

  /// Takes back room that a depot no longer has.
  static func withdraw(_ byteCount: Int) { granted.wrappingSubtract(byteCount, ordering: .relaxed) }

  /// Gives back the idle memory that exceeds what the process may still map, with its pages and their addresses. Called
  /// by maintenance.
  /// - Returns: when to look again; nil if nothing is idle or the process has no limit.
  static func look(at now: UInt64) -> UInt64? {
    guard var left = ProcessMemory.mappableByteCount else { return nil }
    let depots = ArenaDirectory.all.compactMap { $0.depotIfMade }
    for depot in depots { depot.bins.withdrawRoom() }
    let kept = ThreadCaches.attachedCount * ThreadCaches.byteLimit
    let idle = depots.map(\.bins.idleByteCount)
    let total = idle.reduce(0, +)
    let unpurged = depots.reduce(0) { $0 + $1.unpurgedByteCount.load(ordering: .relaxed) }
    if total + kept + unpurged > left {
      if kept > 0, ThreadCaches.trim() > 0 { _ = Arena.shared.depot.bins.markDirty() }
      for depot in depots { Maintenance.withMaintenanceLock { depot.purgeNow() } }
      left = ProcessMemory.mappableByteCount ?? .max
    }
    if total > left {
      // Each byte that is given back makes the idle memory one byte smaller and the room one byte larger. So half of
      // the excess is enough.
      let share = Double(total - left) / 2 / Double(total)
      for (depot, byteCount) in zip(depots, idle) {
        _ = depot.trim(keeping: byteCount - Int((Double(byteCount) * share).rounded(.up)))
        depot.bins.withdrawRoom()
        Maintenance.withMaintenanceLock { depot.purgeNow() }
      }
    }
    return total + kept > 0 ? now + interval : nil
  }
}
