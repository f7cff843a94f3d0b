// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

/// Keeps idle memory small if what the process may map is limited (`ulimit -v`, `ulimit -d`): no more is idle than the
/// process may still map beside it, so that `malloc` and everything else find room.
///
/// Depots ask before they keep more, and the maintenance thread looks ten times a second while any memory is idle
/// (Maintenance+Pass.swift). If the process has no such limit, this costs only the two system calls that look for one,
/// whenever a stripe of a depot reserves room or a depot makes a debt.
enum MappingRoom {
  /// Bytes that are idle in depots, or may become so without asking. The sum may wrap; differences are still right.
  private static let granted = Atomic<Int>(0)

  static func makeStatics() { ForkGuard.touch(granted) }

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
}
