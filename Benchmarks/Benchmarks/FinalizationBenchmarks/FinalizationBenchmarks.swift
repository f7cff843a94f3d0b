// SPDX-License-Identifier: Apache-2.0

import Benchmark
import BufferWorkloads
import Finalization
import FinalizationWorkloads

/// The same work as `buffer-figures finalization`, but under the harness, which gives percentiles.
let benchmarks: @Sendable () -> Void = {
  func row(_ workload: Workload, scale: BenchmarkScalingFactor = .mega) {
    Benchmark("\(workload.subject), \(workload.memory.rawValue)", configuration: .init(scalingFactor: scale)) { run in
      do { try workload.run(run.scaledIterations.count) } catch { run.error("\(error)") }
    }
  }

  let registry = FinalizationWorkloads.makeRegistry()
  row(FinalizationWorkloads.registerAndUnregister(in: registry))
  row(FinalizationWorkloads.registerAndUnregisterElements(in: registry))
  row(FinalizationWorkloads.registerAndUnregisterOptional(in: registry))
  row(FinalizationWorkloads.registerAndCancel(in: registry))
  row(FinalizationWorkloads.registerDieDeliver(in: registry), scale: .kilo)
  row(FinalizationWorkloads.registerDieDeliverAny(in: registry), scale: .kilo)
  row(FinalizationWorkloads.nativeResource())
  row(FinalizationWorkloads.minimalResource())
  let cache = ResourceCache<Int, PlainTarget>(name: "benchmark")
  do { row(try FinalizationWorkloads.cacheHit(cache, keys: 0..<1_000)) } catch {
    fatalError("benchmarks: the cache could not be filled: \(error)")
  }

  Benchmark("sweep of 100,000 live targets") { run in
    let targets = (0..<100_000).map { _ in PlainTarget() }
    for target in targets { try registry.register(target, holding: 1) }
    run.startMeasurement()
    for _ in run.scaledIterations { try registry.drain() }
    run.stopMeasurement()
    withExtendedLifetime(targets) {}
  }
}
