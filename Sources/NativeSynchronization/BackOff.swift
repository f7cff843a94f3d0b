// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Spares the processor while a thread asks again and again whether another thread has done something.
///
/// ```swift
/// var backOff = BackOff()
/// while !isDone() { backOff.spin() }
/// ```
///
/// Each wait needs a new value: the steps of one wait become slower, so that other threads can run.
@usableFromInline
package struct BackOff {
  private var steps: UInt32 = 0

  @usableFromInline package init() {}

  /// One step of waiting for a thread that needs only a few more instructions.
  package mutating func spin() {
    steps &+= 1
    // The other thread may have lost its processor. If this thread spins on, it may keep the other from running.
    if steps > 64 { sched_yield() }
  }

  /// One step of waiting for something that may take longer. The first steps let other threads run; later steps sleep
  /// for up to a millisecond each.
  package mutating func pause() {
    steps &+= 1
    if steps < 32 { sched_yield() } else { usleep(min(steps, 1_000)) }
  }
}
