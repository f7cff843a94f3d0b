// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Waits, step by step, until another thread has done something. Each wait needs a new value.
@usableFromInline
package struct BackOff {
  private var steps: UInt32 = 0

  @usableFromInline package init() {}

  /// One step of waiting for a thread that needs only a few more instructions.
  package mutating func spin() {
    steps &+= 1
    // The other thread may have lost its processor: spinning on could keep it from running.
    if steps > 64 { sched_yield() }
  }

  /// One step of waiting for something that may take longer: lets other threads run at first, then sleeps, for up to a
  /// millisecond at a time.
  package mutating func pause() {
    steps &+= 1
    if steps < 32 { sched_yield() } else { usleep(min(steps, 1_000)) }
  }
}
