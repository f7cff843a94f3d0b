// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The kernel's clocks, in nanoseconds.
package enum KernelClock {
  package static func nanoseconds(of clock: clockid_t) -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// The processor time of the calling thread. It does not grow while the thread waits, or while others run instead.
  package static var threadTime: UInt64 { nanoseconds(of: CLOCK_THREAD_CPUTIME_ID) }
}
