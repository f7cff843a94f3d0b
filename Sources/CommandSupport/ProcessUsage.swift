// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization

/// What the process used, as the kernel counts it.
package struct ProcessUsage {
  package var seconds: Double
  package var minorFaults: Int
  /// The largest resident set so far, in bytes.
  package var peakResidentSet: Int

  package static func now() -> ProcessUsage {
    var usage = rusage()
    unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
    return ProcessUsage(
      seconds: Double(MonotonicClock.now) / 1e9, minorFaults: usage.ru_minflt,
      // The kernel counts in KiB.
      peakResidentSet: usage.ru_maxrss * 1_024)
  }

  /// Time and faults between `start` and this moment; the peak is that of the whole process.
  package func since(_ start: ProcessUsage) -> ProcessUsage {
    ProcessUsage(
      seconds: seconds - start.seconds, minorFaults: minorFaults - start.minorFaults, peakResidentSet: peakResidentSet)
  }
}
