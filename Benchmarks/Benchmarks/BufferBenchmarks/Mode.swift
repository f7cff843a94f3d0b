// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Foundation

/// How much is run, from the environment variable `NATIVE_BUFFERS_BENCHMARKS`.
enum Mode: String {
  /// Every row, a quarter of a second each.
  case full
  /// This library's rows at two sizes, short: for CI.
  case smoke
  /// As `smoke`, counts only, no times: what committed thresholds are recorded from.
  case counts

  static var current: Mode {
    guard let value = ProcessInfo.processInfo.environment["NATIVE_BUFFERS_BENCHMARKS"] else { return .full }
    guard let mode = Mode(rawValue: value) else {
      fatalError("benchmarks: NATIVE_BUFFERS_BENCHMARKS is \"\(value)\"; known are full, smoke, counts")
    }
    return mode
  }

  var sizes: [Int] {
    self == .full ? [64, 4 << 10, 64 << 10, 1 << 20, 8 << 20, 33_177_600] : [64, 33_177_600]
  }

  var duration: Duration { self == .full ? .milliseconds(250) : .milliseconds(40) }

  var measuresTime: Bool { self != .counts }
}
