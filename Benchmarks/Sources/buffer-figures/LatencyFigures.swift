// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport
import LeakAuditing
import NativeBuffers
import Synchronization

/// Measures how long single operations take. Each is timed by itself; the cost of the timing is subtracted.
enum LatencyFigures {
  // MARK: Dispose

  /// A million disposes of a large frame, for each kind of buffer.
  static func dispose(_ effort: Effort) throws -> [Figure] {
    let recorder = LatencyRecorder(capacity: 1_000_000)
    func figures(_ row: String, medianGoal: Double, _ body: (LatencyRecorder) throws -> Void) throws -> [Figure] {
      recorder.reset()
      try body(recorder)
      let percentiles = recorder.percentiles()
      return percentiles.figures("dispose", "\(row) \(Size.name(Size.frame))", .arena).map { figure in
        var figure = figure
        // The goal is for the median if the clock is fine enough. Otherwise it is for the mean, which must be near the
        // median.
        let typical = recorder.resolution < 2 ? " p50" : " mean below p99"
        if figure.row.hasSuffix(typical) { figure.goals = [.atMost(medianGoal)] }
        if figure.row.hasSuffix(" p99.99") { figure.goals = [.atMost(1_000)] }
        return figure
      }
    }
    let size = Size.frame
    // A loop without work: it shows the effect of interrupts and of the clock itself. It has no goal; the rows below
    // are compared with it.
    let control = try figures("nothing, beside", medianGoal: .infinity) { recorder in
      for _ in 0..<recorder.capacity {
        let buffer = try UniqueBuffer(uninitializedByteCount: size)
        let start = bench_ticks()
        recorder.add(bench_ticks() - start)
        buffer.dispose()
      }
    }.map { figure in
      var figure = figure
      figure.goals = []
      return figure
    }
    return try control
      + figures("UniqueBuffer.dispose", medianGoal: 15) { recorder in
        for _ in 0..<recorder.capacity {
          let buffer = try UniqueBuffer(uninitializedByteCount: size)
          let start = bench_ticks()
          buffer.dispose()
          recorder.add(bench_ticks() - start)
        }
      }
      + figures("UniqueBuffer deinit (rescued)", medianGoal: 15) { recorder in
        for _ in 0..<recorder.capacity {
          let buffer = try UniqueBuffer(uninitializedByteCount: size)
          let start = bench_ticks()
          drop(buffer)
          recorder.add(bench_ticks() - start)
        }
      }
      + figures("NativeBuffer.dispose + release", medianGoal: 35) { recorder in
        for _ in 0..<recorder.capacity {
          var buffer: NativeBuffer? = try NativeBuffer(uninitializedByteCount: size)
          if let buffer { keepAlive(buffer) }
          let start = bench_ticks()
          buffer?.dispose()
          buffer = nil
          recorder.add(bench_ticks() - start)
        }
      }
      + figures("NativeBuffer deinit (rescued)", medianGoal: 35) { recorder in
        for _ in 0..<recorder.capacity {
          var buffer: NativeBuffer? = try NativeBuffer(uninitializedByteCount: size)
          if let buffer { keepAlive(buffer) }
          let start = bench_ticks()
          buffer = nil
          recorder.add(bench_ticks() - start)
        }
      }
  }

  @inline(never)
  private static func drop(_ buffer: consuming UniqueBuffer) {}

  // MARK: Hot path beside audits

  /// Create + dispose on one thread: alone, while another thread is busy, and while another thread audits.
  static func besideAudits(_ effort: Effort) throws -> [Figure] {
    let live = try LiveBuffers(count: 100_000, byteCount: 64)
    defer { withExtendedLifetime(live) {} }
    let company: [(String, (@Sendable () throws -> Void)?)] = [
      ("alone", nil), ("beside a busy thread", { for _ in 0..<1_000 { bench_relax() } }),
      ("beside audits", { _ = try LeakAuditor.audit() }),
    ]
    let recorder = LatencyRecorder(capacity: 1_000_000)
    var rounds: [[Percentiles]] = company.map { _ in [] }
    var audits: [Double] = []
    for _ in 0..<3 {
      for (index, (_, body)) in company.enumerated() {
        recorder.reset()
        let count = record(into: recorder, beside: body)
        rounds[index].append(recorder.percentiles())
        if index == 2 { audits.append(count) }
      }
    }
    let typical = rounds.map(Percentiles.medians)
    var figures = zip(company, typical).flatMap { company, percentiles in
      percentiles.figures("audited", "UniqueBuffer 64 B to 64 KiB \(company.0)", .arena)
    }
    let alone = figures.first { $0.row.hasSuffix("alone p99.9") }
    for index in figures.indices where figures[index].row.hasSuffix("p99.9") {
      guard let alone, !figures[index].row.contains("alone") else { continue }
      figures[index] = figures[index].compared(with: alone, as: "alone")
      if figures[index].row.contains("audits") { figures[index].goals = [.ratioAtMost(2, to: "alone")] }
    }
    figures.append(
      Figure(
        group: "audited", row: "audits meanwhile, of 100000 live buffers", memory: .arena, median: middle(of: audits),
        minimum: audits.min() ?? 0, unit: .times))
    return figures
  }

  private final class Company: Sendable {
    let isDone = Atomic<Bool>(false)
    let turns = Atomic<Int>(0)
  }

  /// - Returns: the number of times that the other thread did its work.
  private static func record(into recorder: LatencyRecorder, beside body: (@Sendable () throws -> Void)?) -> Double {
    let company = Company()
    onThreads(body == nil ? 1 : 2) { index in
      if index == 1 {
        while !company.isDone.load(ordering: .acquiring), let body {
          try body()
          company.turns.add(1, ordering: .relaxed)
        }
      } else {
        for round in 0..<(recorder.capacity + 10_000) {
          let byteCount = 64 << (round % 11)
          let start = bench_ticks()
          let buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
          buffer.dispose()
          let end = bench_ticks()
          if round >= 10_000 { recorder.add(end - start) }
        }
        company.isDone.store(true, ordering: .releasing)
      }
    }
    return Double(company.turns.load(ordering: .acquiring))
  }
}
