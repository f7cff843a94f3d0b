// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport

/// How much is measured.
struct Effort {
  var samples = 11
  /// Nanoseconds that one sample takes, unless a single operation takes longer.
  var sampleLength = 2e6
  /// The sizes in bytes that are measured; nil for all.
  var sizes: Set<Int>?

  func includes(_ byteCount: Int) -> Bool { sizes?.contains(byteCount) ?? true }
}

/// Samples of one workload.
struct Measurement {
  let workload: Workload
  /// Nanoseconds per operation, one value for each sample.
  let nanoseconds: [Double]
  let faults: Double

  func figure(_ group: String, _ row: String) -> Figure {
    Figure(
      group: group, row: row, memory: workload.memory, median: middle(of: nanoseconds),
      minimum: nanoseconds.min() ?? 0, unit: .nanoseconds, faults: faults, samples: nanoseconds)
  }
}

/// The median; 0 if there are no values.
func middle(of values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return 0 }
  return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Samples workloads in turn, one sample of each per round. So a slow second of the machine affects all of them in the
/// same way, and their ratios stay right.
func measure(_ workloads: [Workload], _ effort: Effort) throws -> [Measurement] {
  let times = try workloads.map { try calibrate($0, length: effort.sampleLength) }
  var samples = workloads.map { _ in
    var array: [Double] = []
    array.reserveCapacity(effort.samples)
    return array
  }
  var faults = [UInt64](repeating: 0, count: workloads.count)
  for _ in 0..<effort.samples {
    for index in workloads.indices {
      let workload = workloads[index]
      // The other workloads may have displaced this one's data from the caches.
      try workload.run(1)
      let faultsBefore = bench_minor_faults()
      let start = bench_nanoseconds()
      try workload.run(times[index])
      let end = bench_nanoseconds()
      faults[index] += bench_minor_faults() - faultsBefore
      samples[index].append(Double(end - start) / Double(times[index]))
    }
  }
  return workloads.indices.map { index in
    Measurement(
      workload: workloads[index], nanoseconds: samples[index],
      faults: Double(faults[index]) / Double(times[index] * effort.samples))
  }
}

/// The number of operations that one sample needs.
private func calibrate(_ workload: Workload, length: Double) throws -> Int {
  try workload.run(3)
  var times = 1
  while true {
    let start = bench_nanoseconds()
    try workload.run(times)
    let elapsed = Double(bench_nanoseconds() - start)
    if elapsed >= length / 4 { return max(1, Int(Double(times) * length / elapsed)) }
    times *= elapsed < length / 64 ? 8 : 2
  }
}
