// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport
import NativeBuffers
import Synchronization

/// Two threads, each with its own buffers; and a thread that creates what another thread disposes.
enum ThreadFigures {
  // MARK: Two threads against one

  static func twoThreads(_ effort: Effort) throws -> [Figure] {
    let spin = Workload("spinning", memory: .none) { times in for _ in 0..<times { bench_relax() } }
    var workloads = [(spin, "no memory at all")]
    for byteCount in [64, 64 << 10, 1 << 20].filter(effort.includes) {
      for workload in [
        CreateAndDispose.uniqueBuffer(byteCount, .untouched), CreateAndDispose.nativeBuffer(byteCount, .untouched),
        CreateAndDispose.malloc(byteCount, .untouched),
      ] { workloads.append((workload, "\(workload.subject) \(Size.name(byteCount))")) }
    }
    return workloads.map { workload, name in
      var figure = ratio(of: [workload, workload], name: name, effort)
      if workload.memory == .arena { figure.goals = [.atLeast(1.9)] }
      return figure
    }
  }

  /// The throughput of two threads, with one workload each, divided by the throughput of the first workload alone.
  static func ratio(of workloads: [Workload], name: String, _ effort: Effort) -> Figure {
    let pairs = (0..<max(3, effort.samples / 2)).map { _ in
      (one: rate(of: [workloads[0]]), two: rate(of: workloads))
    }
    let ratios = pairs.map { $0.two.perSecond / $0.one.perSecond }
    let processorRatios = pairs.map { 2 * $0.two.perProcessorSecond / $0.one.perProcessorSecond }
    var figure = Figure(
      group: "threads", row: "two threads / one, \(name)", memory: workloads[0].memory, median: middle(of: ratios),
      minimum: ratios.min() ?? 0, unit: .times)
    // The result that two threads would reach if no other process used the processors.
    figure.ratios = [.init(reference: "in processor time", value: middle(of: processorRatios))]
    return figure
  }

  private struct Rate {
    /// Operations of all threads together per second of real time.
    var perSecond: Double
    /// Operations of all threads together per second of processor time.
    var perProcessorSecond: Double
  }

  /// Lets threads wait for each other before the start, and adds up how much they did.
  private final class Meeting: Sendable {
    let waiting: Atomic<Int>
    let sums = Mutex<(perSecond: Double, operations: Double, processorTime: Double)>((0, 0, 0))
    init(threads: Int) { waiting = Atomic(threads) }
  }

  /// Runs one thread per workload.
  private static func rate(of workloads: [Workload]) -> Rate {
    let meeting = Meeting(threads: workloads.count)
    onThreads(workloads.count) { number in
      let workload = workloads[number]
      try workload.run(1_000)
      meeting.waiting.subtract(1, ordering: .sequentiallyConsistent)
      while meeting.waiting.load(ordering: .acquiring) > 0 { bench_relax() }
      let start = bench_nanoseconds()
      let processorStart = bench_thread_nanoseconds()
      var operations = 0.0
      var now = start
      while now - start < 20_000_000 {
        try workload.run(2_000)
        operations += 2_000
        now = bench_nanoseconds()
      }
      let processorTime = Double(bench_thread_nanoseconds() - processorStart)
      let perSecond = operations / Double(now - start) * 1e9
      let done = operations
      meeting.sums.withLock {
        $0 = ($0.perSecond + perSecond, $0.operations + done, $0.processorTime + processorTime)
      }
    }
    return meeting.sums.withLock { sums in
      Rate(perSecond: sums.perSecond, perProcessorSecond: sums.operations / sums.processorTime * 1e9)
    }
  }

  // MARK: Producer and consumer

  static func queue(_ effort: Effort) throws -> [Figure] {
    let byteCount = 64 << 10
    // So many elements that the result stays the same if a thread loses its processor for a moment.
    let count = 500_000
    let rounds = max(3, effort.samples / 2)
    var empty: [Double] = []
    var unique: [Double] = []
    var native: [Double] = []
    var objects: [Double] = []
    var mallocs: [Double] = []
    let residentBefore = bench_resident_bytes()
    var residentPeak: UInt64 = 0
    for _ in 0..<rounds {
      empty.append(handOver(count, make: { PlainHandle() }, end: { _ in }))
      unique.append(
        handOver(count, make: { try UniqueBuffer(uninitializedByteCount: byteCount) }, end: { $0.dispose() }))
      native.append(
        handOver(count, make: { try NativeBuffer(uninitializedByteCount: byteCount) }, end: { $0.dispose() }))
      objects.append(handOver(count, make: { PlainObject() }, end: { _ in }))
      mallocs.append(
        handOver(count, make: { unsafe Address(bench_malloc(byteCount)) }, end: { unsafe bench_free($0.pointer) }))
      residentPeak = max(residentPeak, bench_resident_bytes())
    }
    let waiting = figure("the queue alone", .none, empty)
    var figures = [waiting]
    for (name, memory, samples) in [
      ("UniqueBuffer 64 KiB", Memory.arena, unique), ("NativeBuffer 64 KiB", .arena, native),
      ("an object of NativeBuffer's size, with no memory", .processMalloc, objects),
      ("malloc+free 64 KiB", .processMalloc, mallocs),
    ] {
      // In each round, the time with the buffers less the time of handing over nothing.
      var figure = figure("\(name), beyond the queue", memory, zip(samples, empty).map { $0 - $1 })
      if memory == .arena { figure.goals = [.atMost(60)] }
      figures.append(figure)
    }
    figures.append(
      Figure(
        group: "queue", row: "resident set, growth over \(rounds * count) buffers of each kind", memory: .arena,
        median: Double(residentPeak) - Double(residentBefore), minimum: 0, unit: .bytes,
        goals: [.atMost(64 * 1024 * 1024)]))
    return figures
  }

  private static func figure(_ row: String, _ memory: Memory, _ samples: [Double]) -> Figure {
    Figure(
      group: "queue", row: row, memory: memory, median: middle(of: samples), minimum: samples.min() ?? 0,
      unit: .nanoseconds)
  }

  /// A value that is as large as a `UniqueBuffer`, but has no memory.
  private struct PlainHandle: Sendable {
    let fields = (1, 1, 1, 1)
  }

  /// A Swift object, for the cost of objects that one thread makes and another thread ends.
  private final class PlainObject: Sendable {
    let fields = (0, 0, 0, 0, 0)
  }

  /// An address that may pass from thread to thread.
  // SAFETY: the thread that holds the value owns the memory.
  @safe private struct Address: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer?
    init(_ pointer: UnsafeMutableRawPointer?) { unsafe self.pointer = pointer }
  }

  /// Measures the nanoseconds per element if one thread makes the elements and another thread ends them.
  private static func handOver<Element: ~Copyable>(
    _ count: Int, make: @escaping @Sendable () throws -> Element, end: @escaping @Sendable (consuming Element) -> Void
  ) -> Double {
    let queue = BoundedQueue<Element>(capacity: 256)
    let meeting = Meeting(threads: 2)
    let elapsed = Atomic<UInt64>(0)
    onThreads(2) { index in
      meeting.waiting.subtract(1, ordering: .sequentiallyConsistent)
      while meeting.waiting.load(ordering: .acquiring) > 0 { bench_relax() }
      let start = bench_nanoseconds()
      defer { if index == 1 { elapsed.store(bench_nanoseconds() - start, ordering: .releasing) } }
      if index == 0 {
        for _ in 0..<count { queue.push(try make()) }
        queue.flush()
      } else {
        for _ in 0..<count { end(queue.pop()) }
      }
    }
    return Double(elapsed.load(ordering: .acquiring)) / Double(count)
  }
}
