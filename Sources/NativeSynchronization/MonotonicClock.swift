// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The clock for deadlines: nanoseconds of CLOCK_MONOTONIC, which does not change when the time of day is set.
package enum MonotonicClock {
  package static var now: UInt64 { KernelClock.nanoseconds(of: CLOCK_MONOTONIC) }

  /// Converts milliseconds to nanoseconds. The result is at most 146 years, so that it can be added to a time of this
  /// clock without overflow.
  package static func nanoseconds(milliseconds: Int) -> UInt64 {
    let longest = UInt64.max / 4
    let (product, overflow) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
    return overflow ? longest : min(product, longest)
  }
}
