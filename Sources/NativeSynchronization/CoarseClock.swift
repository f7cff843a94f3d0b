import Glibc

/// Milliseconds of the kernel's coarse clock, which moves every few milliseconds and takes 5 ns to read; in 32 bits, so
/// that an entry has room for one. They begin again after 49 days: only differences mean anything.
///
/// The two lowest bits are no time: one is always set, so that a reading is never 0, and one says whether the process or
/// its forked child read the clock.
package enum CoarseClock {
  package static var now: UInt32 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    let milliseconds = UInt32(truncatingIfNeeded: time.tv_sec &* 1_000 &+ time.tv_nsec / 1_000_000)
    return milliseconds & ~3 | processBit | 1
  }

  private static var processBit: UInt32 { UInt32(truncatingIfNeeded: ForkGuard.generation & 1) << 1 }

  /// Whether this process took a reading, and not the one that it was forked from.
  package static func isOfThisProcess(_ reading: UInt32) -> Bool { reading & 2 == processBit }

  /// Milliseconds between two readings.
  package static func milliseconds(from start: UInt32, to end: UInt32) -> Int {
    // A reading that another thread made a moment later is no time ago.
    max(0, Int(Int32(bitPattern: end &- start)))
  }
}
