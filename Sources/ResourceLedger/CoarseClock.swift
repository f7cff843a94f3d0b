import Glibc

/// Milliseconds of the kernel's coarse clock, which moves every few milliseconds and takes 5 ns to read; in 32 bits, so
/// that an entry has room for one. They begin again after 49 days: only differences mean anything.
package enum CoarseClock {
  /// Never 0, which stands for no time.
  package static var now: UInt32 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return UInt32(truncatingIfNeeded: time.tv_sec &* 1_000 &+ time.tv_nsec / 1_000_000) | 1
  }

  /// Milliseconds between two readings.
  package static func milliseconds(from start: UInt32, to end: UInt32) -> Int {
    // A reading that another thread made a moment later is no time ago.
    max(0, Int(Int32(bitPattern: end &- start)))
  }
}
