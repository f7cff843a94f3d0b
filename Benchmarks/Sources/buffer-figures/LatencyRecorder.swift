// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport

/// The ticks that single operations took, in memory that is allocated and touched beforehand. Only one thread at a time
/// uses it.
// SAFETY: `samples` has room for `capacity` values, of which the first `count` are written; `add` writes no more than
// that.
@safe final class LatencyRecorder: @unchecked Sendable {
  private let samples: UnsafeMutablePointer<UInt32>
  private let counted: UnsafeMutablePointer<Int>
  let capacity: Int
  /// The average number of ticks between two readings of the clock with nothing between them.
  private let overhead: Double
  /// The number of ticks by which the clock advances: 1, or more on some processors.
  private let step: UInt64
  private let ticksPerNanosecond = bench_ticks_per_nanosecond()

  init(capacity: Int) {
    self.capacity = capacity
    unsafe samples = .allocate(capacity: capacity)
    unsafe samples.initialize(repeating: 0, count: capacity)
    unsafe counted = .allocate(capacity: 1)
    unsafe counted.initialize(to: 0)
    var readings = (0..<10_000).map { _ in
      let start = bench_ticks()
      return bench_ticks() - start
    }
    readings.sort()
    overhead = Self.mean(readings[...(readings.count * 99 / 100)])
    step = zip(readings, readings.dropFirst()).map { $1 - $0 }.filter { $0 > 0 }.min() ?? 1
  }

  deinit {
    unsafe samples.deallocate()
    unsafe counted.deallocate()
  }

  func reset() { unsafe counted.pointee = 0 }

  @inline(__always)
  func add(_ ticks: UInt64) {
    let index = unsafe counted.pointee
    guard index < capacity else { return }
    unsafe samples[index] = UInt32(truncatingIfNeeded: min(ticks, UInt64(UInt32.max)))
    unsafe counted.pointee = index + 1
  }

  private static func mean(_ values: some Collection<UInt64>) -> Double {
    values.reduce(0) { $0 + Double($1) } / Double(max(1, values.count))
  }

  /// The nanoseconds of one step of the clock. Percentiles cannot be finer than that.
  var resolution: Double { Double(step) / ticksPerNanosecond }

  func percentiles() -> Percentiles {
    var all = unsafe UnsafeMutableBufferPointer(start: samples, count: counted.pointee)
    unsafe all.sort()
    func at(_ fraction: Double) -> Double {
      let count = all.count
      guard count > 0 else { return 0 }
      let ticks = unsafe Double(all[min(count - 1, Int(Double(count) * fraction))])
      return max(0, ticks - overhead) / ticksPerNanosecond
    }
    // Operations begin anywhere within a step of the clock, so the mean of many is finer than one step.
    let bulk = unsafe all[..<(all.count * 99 / 100)]
    let mean = unsafe bulk.reduce(0) { $0 + Double($1) } / Double(max(1, bulk.count))
    return Percentiles(values: [max(0, mean - overhead) / ticksPerNanosecond] + Percentiles.fractions.map(at))
  }
}

/// The mean of all operations except for the slowest 1 %, and percentiles of all operations, in nanoseconds.
struct Percentiles {
  static let fractions = [0.5, 0.99, 0.999, 0.9999, 1]
  static let names = ["mean below p99", "p50", "p99", "p99.9", "p99.99", "max"]
  var values: [Double]

  /// The median of each percentile over several runs.
  static func medians(_ runs: [Percentiles]) -> Percentiles {
    Percentiles(values: names.indices.map { index in middle(of: runs.map { $0.values[index] }) })
  }

  func figures(_ group: String, _ row: String, _ memory: Memory) -> [Figure] {
    zip(Self.names, values).map { name, value in
      Figure(
        group: group, row: "\(row) \(name)", memory: memory, median: value, minimum: value, unit: .nanoseconds)
    }
  }
}
