import BufferWorkloads
import CBenchmarkSupport

/// Ticks that single operations took, in memory set aside and touched beforehand. Used by one thread at a time.
@safe final class LatencyRecorder: @unchecked Sendable {
  // SAFETY: `samples` has room for `capacity`, of which the first `count` are written; `add` stops there.
  private let samples: UnsafeMutablePointer<UInt32>
  private let counted: UnsafeMutablePointer<Int>
  let capacity: Int
  /// Ticks that two readings of the clock with nothing in between are apart.
  private let overhead: UInt64
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
    overhead = readings[readings.count / 2]
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

  func percentiles() -> Percentiles {
    var all = unsafe UnsafeMutableBufferPointer(start: samples, count: counted.pointee)
    unsafe all.sort()
    func at(_ fraction: Double) -> Double {
      let count = all.count
      guard count > 0 else { return 0 }
      let ticks = unsafe UInt64(all[min(count - 1, Int(Double(count) * fraction))])
      return Double(ticks > overhead ? ticks - overhead : 0) / ticksPerNanosecond
    }
    return Percentiles(values: Percentiles.fractions.map(at))
  }
}

/// Nanoseconds at fixed fractions of all operations.
struct Percentiles {
  static let fractions = [0.5, 0.99, 0.999, 0.9999, 1]
  static let names = ["p50", "p99", "p99.9", "p99.99", "max"]
  var values: [Double]

  /// Of several runs, the median of each percentile.
  static func medians(_ runs: [Percentiles]) -> Percentiles {
    Percentiles(values: fractions.indices.map { index in middle(of: runs.map { $0.values[index] }) })
  }

  func figures(_ group: String, _ row: String, _ memory: Memory) -> [Figure] {
    zip(Self.names, values).map { name, value in
      Figure(
        group: group, row: "\(row) \(name)", memory: memory, median: value, minimum: value, unit: .nanoseconds)
    }
  }
}
