// SPDX-License-Identifier: Apache-2.0

import Benchmark
import BufferWorkloads
import CBenchmarkSupport
import LeakAuditing
import NativeBuffers

// Each call of a closure does the work `scalingFactor` times. With `--scale`, metrics are printed per operation. The
// harness's own counts of mallocs, retains and instructions are always 0 on Linux, so these benchmarks have counts of
// their own.

let minorFaults = BenchmarkMetric.custom("minor faults", polarity: .prefersSmaller, useScalingFactor: true)
let arenaCalls = BenchmarkMetric.custom(
  "jemalloc arena calls", polarity: .prefersSmaller, useScalingFactor: true)
let bookBytes = BenchmarkMetric.custom("resident bytes beside the memory", polarity: .prefersSmaller)

/// How much a figure may change before a comparison fails. Times vary on a shared machine, but counts do not.
func tolerances(for metrics: [BenchmarkMetric]) -> [BenchmarkMetric: BenchmarkThresholds] {
  let all: [BenchmarkMetric: BenchmarkThresholds] = [
    .wallClock: BenchmarkThresholds(relative: [.p25: 15, .p50: 25]),
    minorFaults: BenchmarkThresholds(absolute: [.p50: 0, .p90: 0]),
    arenaCalls: BenchmarkThresholds(absolute: [.p50: 0, .p90: 0]),
    bookBytes: BenchmarkThresholds(absolute: [.p50: 2, .p90: 2]),
  ]
  return all.filter { metrics.contains($0.key) }
}

let benchmarks: @Sendable () -> Void = {
  Memory.checkProcessMalloc()
  let mode = Mode.current
  for use in Use.allCases {
    for byteCount in mode.sizes {
      add(CreateAndDispose.nativeBuffer(byteCount, use), byteCount, use, mode)
      add(CreateAndDispose.uniqueBuffer(byteCount, use), byteCount, use, mode)
      // Only rows of this library have thresholds.
      guard mode == .full else { continue }
      add(CreateAndDispose.rawPointer(byteCount, use), byteCount, use, mode)
      add(CreateAndDispose.array(byteCount, use), byteCount, use, mode)
    }
  }
  addAudit(mode)
}

/// A row's name. It has no spaces: otherwise the harness would not find the file with the row's thresholds.
func rowName(_ parts: [String]) -> String {
  String(parts.joined(separator: "_").map { $0 == " " ? "-" : $0 })
}

/// One row: create, use and dispose memory of one size.
func add(_ workload: Workload, _ byteCount: Int, _ use: Use, _ mode: Mode) {
  let isLarge = use == .touched && byteCount > 64 << 10
  var metrics: [BenchmarkMetric] = [minorFaults]
  if mode.measuresTime { metrics.insert(.wallClock, at: 0) }
  let isOurs = workload.memory == .arena
  if isOurs { metrics.append(arenaCalls) }
  let configuration = Benchmark.Configuration(
    metrics: metrics, warmupIterations: 3, scalingFactor: isLarge ? .one : .kilo, maxDuration: mode.duration,
    maxIterations: 100_000, thresholds: tolerances(for: metrics))
  let name = rowName([workload.subject, Size.name(byteCount), use.rawValue, workload.memory.rawValue])
  Benchmark(name, configuration: configuration) { benchmark in
    let times = benchmark.scaledIterations.count
    let calls = isOurs ? bench_arena_calls(Arena.shared.index) : 0
    benchmark.startMeasurement()
    let faults = bench_minor_faults()
    try workload.run(times)
    let faultsAfter = bench_minor_faults()
    benchmark.stopMeasurement()
    benchmark.measurement(minorFaults, Int(faultsAfter - faults))
    if isOurs { benchmark.measurement(arenaCalls, Int(bench_arena_calls(Arena.shared.index) - calls)) }
  }
}

/// An audit of a million live buffers, and the memory that the books about them take.
func addAudit(_ mode: Mode) {
  let count = 1_000_000
  var metrics = [bookBytes]
  if mode.measuresTime { metrics.insert(.wallClock, at: 0) }
  let configuration = Benchmark.Configuration(
    metrics: metrics, warmupIterations: 1, maxDuration: mode.duration * 4, maxIterations: 50,
    thresholds: tolerances(for: metrics))
  Benchmark(
    rowName(["Audit of 1000000 live buffers", Memory.arena.rawValue]), configuration: configuration
  ) { (benchmark: Benchmark, live: AuditedBuffers) in
    benchmark.startMeasurement()
    let report = try LeakAuditor.audit()
    benchmark.stopMeasurement()
    guard report.verdict != .faults else { fatalError("benchmarks: the audit found a leak in its own setup") }
    benchmark.measurement(bookBytes, live.bytesPerBook)
  } setup: {
    try AuditedBuffers(count: count)
  }
}

/// Live buffers of 64 bytes that were never written. So the only resident memory is that of the books.
final class AuditedBuffers {
  private let buffers: LiveBuffers
  let bytesPerBook: Int

  init(count: Int) throws {
    // The memory of the handles is not part of the books: it belongs to the program that holds the buffers.
    let before = bench_resident_bytes()
    buffers = try LiveBuffers(count: count, byteCount: 64)
    let handles = count * MemoryLayout<UniqueBuffer>.stride
    bytesPerBook = (Int(bench_resident_bytes()) - Int(before) - handles) / count
  }
}
