// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Foundation

/// Which benchmarks are run. The environment variable `NATIVE_BUFFERS_BENCHMARKS` names the mode.
enum Mode: String {
  /// Every row, a quarter of a second each.
  case full
  /// This library's rows at two sizes, for a short time each: for CI.
  case smoke
  /// As `smoke`, but without times: the committed thresholds are recorded in this mode.
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
