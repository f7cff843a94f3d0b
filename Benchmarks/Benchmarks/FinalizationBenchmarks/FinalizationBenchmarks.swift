import Benchmark
import Dispatch
import Finalization

private final class Target: Finalizable, Sendable {
  let finalizationAnchor = FinalizationAnchor()
}

private final class PlainTarget: Sendable {}

/// Two threads at once, each with its own target: compare the throughput with the row of one thread.
private func onTwoThreads(_ body: @escaping @Sendable () -> Void) {
  DispatchQueue.concurrentPerform(iterations: 2) { _ in body() }
}

let benchmarks: @Sendable () -> Void = {
  let registry = FinalizationRegistry<Int>(name: "benchmark", delivery: .manual) { blackHole($0) }

  Benchmark("register + unregister, anchored", configuration: .init(scalingFactor: .mega)) { benchmark in
    let target = Target()
    for number in benchmark.scaledIterations {
      blackHole(try registry.register(target, holding: number, unregisterToken: target))
      blackHole(registry.unregister(target))
    }
  }

  Benchmark("register + cancel, anchored", configuration: .init(scalingFactor: .mega)) { benchmark in
    let target = Target()
    for number in benchmark.scaledIterations {
      blackHole(try registry.register(target, holding: number).cancel())
    }
  }

  Benchmark("register + unregister, anchored, two threads", configuration: .init(scalingFactor: .mega)) { benchmark in
    let count = benchmark.scaledIterations.count
    onTwoThreads {
      let target = Target()
      for number in 0..<count {
        _ = try? registry.register(target, holding: number, unregisterToken: target)
        blackHole(registry.unregister(target))
      }
    }
  }

  Benchmark("register + death + delivery, anchored", configuration: .init(scalingFactor: .kilo)) { benchmark in
    for _ in benchmark.scaledIterations {
      var targets = (0..<100).map { _ in Target() }
      benchmark.startMeasurement()
      for target in targets { try registry.register(target, holding: 1) }
      targets = []
      try registry.drain()
      benchmark.stopMeasurement()
    }
  }

  Benchmark("register + death + delivery, any object", configuration: .init(scalingFactor: .kilo)) { benchmark in
    for _ in benchmark.scaledIterations {
      var targets = (0..<100).map { _ in PlainTarget() }
      benchmark.startMeasurement()
      for target in targets { try registry.register(target, holding: 1) }
      targets = []
      try registry.drain()
      benchmark.stopMeasurement()
    }
  }

  Benchmark("sweep of 100,000 live targets") { benchmark in
    let targets = (0..<100_000).map { _ in PlainTarget() }
    for target in targets { try registry.register(target, holding: 1) }
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations { try registry.drain() }
    benchmark.stopMeasurement()
    withExtendedLifetime(targets) {}
  }

  Benchmark("native resource, create + dispose", configuration: .init(scalingFactor: .mega)) { benchmark in
    for number in benchmark.scaledIterations {
      blackHole(try NativeResource(number) { blackHole($0) }.dispose())
    }
  }

  Benchmark("cache hit", configuration: .init(scalingFactor: .mega)) { benchmark in
    let cache = ResourceCache<Int, PlainTarget>(name: "benchmark")
    let kept = try (0..<1_000).map { key in try cache.value(for: key) { PlainTarget() } }
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations {
      blackHole(try cache.value(for: number % 1_000) { PlainTarget() })
    }
    benchmark.stopMeasurement()
    withExtendedLifetime(kept) {}
  }

  Benchmark("cache hit, two threads", configuration: .init(scalingFactor: .mega)) { benchmark in
    let cache = ResourceCache<Int, PlainTarget>(name: "benchmark")
    let kept = try (0..<1_000).map { key in try cache.value(for: key) { PlainTarget() } }
    let count = benchmark.scaledIterations.count
    benchmark.startMeasurement()
    DispatchQueue.concurrentPerform(iterations: 2) { thread in
      for number in 0..<count { blackHole(try? cache.value(for: (number + thread * 500) % 1_000) { PlainTarget() }) }
    }
    benchmark.stopMeasurement()
    withExtendedLifetime(kept) {}
  }
}
