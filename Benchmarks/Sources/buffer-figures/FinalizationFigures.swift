// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport
import Finalization
import FinalizationWorkloads

/// Registrations, deaths, sweeps, native resources and cache hits.
enum FinalizationFigures {
  static func all(_ effort: Effort) throws -> [Figure] {
    try paths(effort) + deaths(effort) + sweeps(effort) + throughput(effort)
  }

  // MARK: One thread

  private static func paths(_ effort: Effort) throws -> [Figure] {
    let registry = FinalizationWorkloads.makeRegistry()
    let cache = ResourceCache<Int, PlainTarget>(name: "benchmark")
    let rows: [(Workload, Double?)] = [
      (FinalizationWorkloads.registerAndUnregister(in: registry), 25),
      (FinalizationWorkloads.registerAndUnregisterElements(in: registry), nil),
      (FinalizationWorkloads.registerAndUnregisterOptional(in: registry), nil),
      (FinalizationWorkloads.registerAndCancel(in: registry), nil),
      (FinalizationWorkloads.nativeResource(), 60),
      (FinalizationWorkloads.minimalResource(), nil),
      (try FinalizationWorkloads.cacheHit(cache, keys: 0..<1_000), 60),
      // The time of one atomic operation: threads cannot agree on anything in less time.
      (Workload("one atomic addition", memory: .none) { bench_atomic_adds(Int64($0)) }, nil),
    ]
    return try zip(measure(rows.map(\.0), effort), rows).map { measurement, row in
      var figure = measurement.figure("finalization", measurement.workload.subject)
      figure.goals = row.1.map { [.atMost($0)] } ?? []
      return figure
    }
  }

  // MARK: Deaths

  /// The time per target of registration, the release of the last reference (which deallocates the object) and
  /// delivery. Targets come in batches of a thousand, which are made before.
  private static func deaths(_ effort: Effort) throws -> [Figure] {
    let registry = FinalizationWorkloads.makeRegistry()
    func row<Target: AnyObject>(
      _ name: String, _ memory: Memory, goals: [Goal], make: () -> Target, register: (Target) throws -> Void
    ) throws -> Figure {
      let count = 1_000
      let samples = try (0..<effort.samples * 20).map { _ in
        var targets = (0..<count).map { _ in make() }
        let start = bench_nanoseconds()
        for target in targets { try register(target) }
        targets.removeAll(keepingCapacity: true)
        try registry.drain()
        return Double(bench_nanoseconds() - start) / Double(count)
      }
      return Figure(
        group: "finalization", row: name, memory: memory, median: middle(of: samples),
        minimum: samples.min() ?? 0, unit: .nanoseconds, goals: goals, samples: samples)
    }
    return [
      try row("death alone, anchored", .processMalloc, goals: [], make: AnchoredTarget.init) { _ in },
      try row("register + death + delivery, anchored", .none, goals: [.atMost(60)], make: AnchoredTarget.init) {
        try registry.register($0, holding: 1)
      },
      try row("register + death + delivery, any object", .none, goals: [.atMost(150)], make: PlainTarget.init) {
        try registry.register($0, holding: 1)
      },
    ]
  }

  // MARK: Sweeps

  private static func sweeps(_ effort: Effort) throws -> [Figure] {
    let count = 100_000
    let registry = FinalizationWorkloads.makeRegistry()
    let targets = (0..<count).map { _ in PlainTarget() }
    for target in targets { try registry.register(target, holding: 1) }
    let samples = try (0..<effort.samples).map { _ in
      let start = bench_nanoseconds()
      try registry.drain()
      return Double(bench_nanoseconds() - start) / 1e6
    }
    // How much of the sweeping a registering thread does: each registration of an object without an anchor is timed by
    // itself.
    let recorder = LatencyRecorder(capacity: count)
    let more = (0..<count).map { _ in PlainTarget() }
    for target in more {
      let start = bench_ticks()
      try registry.register(target, holding: 1)
      recorder.add(bench_ticks() - start)
    }
    withExtendedLifetime((targets, more)) {}
    let latencies = recorder.percentiles().figures("finalization", "one registration of any object", .none)
    return [
      Figure(
        group: "finalization", row: "sweep of \(count) live targets", memory: .none, median: middle(of: samples),
        minimum: samples.min() ?? 0, unit: .milliseconds, goals: [.atMost(3)])
    ] + latencies
  }

  // MARK: Two threads

  private static func throughput(_ effort: Effort) throws -> [Figure] {
    let registry = FinalizationWorkloads.makeRegistry()
    let cache = ResourceCache<Int, PlainTarget>(name: "benchmark")
    let registering = FinalizationWorkloads.registerAndUnregister(in: registry)
    let apart = try (0..<2).map { try FinalizationWorkloads.cacheHit(cache, keys: $0 * 1_000..<$0 * 1_000 + 1_000) }
    let rows: [(String, [Workload], Double?)] = [
      ("register + unregister, one registry", [registering, registering], 1.7),
      ("ResourceCache hit, each its own keys", apart, 1.6),
      ("ResourceCache hit, the same keys", [apart[0], apart[0]], nil),
    ]
    return rows.map { name, workloads, goal in
      var figure = ThreadFigures.ratio(of: workloads, name: name, effort)
      figure.group = "finalization"
      figure.goals = goal.map { [.atLeast($0)] } ?? []
      return figure
    }
  }
}
