// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Measures times of more than a few milliseconds, in little time and little room: a reading takes 5 ns, and has 32
/// bits, so that a ledger entry has room for it. It is the kernel's coarse clock, which moves every few milliseconds.
///
/// Readings are in milliseconds, and start again from 0 after 49 days: only the difference between two of them has a
/// meaning. Their two lowest bits are not part of the time. The lowest bit is always set, so that a reading is never 0.
/// The second bit differs between a process and its forked child.
package enum CoarseClock {
  package static var now: UInt32 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    let milliseconds = UInt32(truncatingIfNeeded: time.tv_sec &* 1_000 &+ time.tv_nsec / 1_000_000)
    return milliseconds & ~3 | processBit | 1
  }

  private static var processBit: UInt32 { UInt32(truncatingIfNeeded: ForkGuard.generation & 1) << 1 }

  /// Whether this process took the reading. If not, the process took it that this one was forked from.
  package static func isOfThisProcess(_ reading: UInt32) -> Bool { reading & 2 == processBit }

  /// Milliseconds between two readings; 0 if `start` is the later one.
  package static func milliseconds(from start: UInt32, to end: UInt32) -> Int {
    // Another thread may have taken `start` a moment after this one took `end`.
    max(0, Int(Int32(bitPattern: end &- start)))
  }
}
