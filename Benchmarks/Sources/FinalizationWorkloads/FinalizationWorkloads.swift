// SPDX-License-Identifier: Apache-2.0

public import BufferWorkloads
import CBenchmarkSupport
public import Finalization

/// A target that reports its own death.
public final class AnchoredTarget: Finalizable, Sendable {
  public let finalizationAnchor = FinalizationAnchor()
  public init() {}
}

/// A target that has to be watched.
public final class PlainTarget: Sendable {
  public init() {}
}

/// Paths of the Finalization library, each as a loop that itself allocates nothing. This package depends only on the
/// library's products, so the compiler knows here what it knows in the package of any client.
public enum FinalizationWorkloads {
  public static func makeRegistry(_ name: String = "benchmark") -> FinalizationRegistry<Int> {
    FinalizationRegistry(name: name, delivery: .manual) { number in
      if number < 0 { fatalError("benchmarks: \(number) was never registered") }
    }
  }

  public static func registerAndUnregister(in registry: FinalizationRegistry<Int>) -> Workload {
    Workload("register + unregister, anchored", memory: .none) { times in
      let target = AnchoredTarget()
      for number in 0..<times {
        try registry.register(target, holding: number, unregisterToken: target)
        registry.unregister(target)
      }
    }
  }

  /// The same with targets from an array, which the client's code retains for each round of the loop.
  public static func registerAndUnregisterElements(in registry: FinalizationRegistry<Int>) -> Workload {
    Workload("register + unregister, anchored, from an array", memory: .none) { times in
      let targets = (0..<64).map { _ in AnchoredTarget() }
      for number in 0..<times {
        let target = targets[number & 63]
        try registry.register(target, holding: number, unregisterToken: target)
        registry.unregister(target)
      }
    }
  }

  /// The same with a token that is passed as an optional.
  public static func registerAndUnregisterOptional(in registry: FinalizationRegistry<Int>) -> Workload {
    Workload("register + unregister, anchored, optional token", memory: .none) { times in
      let target = AnchoredTarget()
      let token: AnchoredTarget? = times > 0 ? target : nil
      for number in 0..<times {
        try registry.register(target, holding: number, unregisterToken: token)
        registry.unregister(target)
      }
    }
  }

  public static func registerAndCancel(in registry: FinalizationRegistry<Int>) -> Workload {
    Workload("register + cancel, anchored", memory: .none) { times in
      let target = AnchoredTarget()
      for number in 0..<times { try registry.register(target, holding: number).cancel() }
    }
  }

  /// Makes the targets in the loop, so counted instructions include those of the objects themselves.
  public static func registerDieDeliver(in registry: FinalizationRegistry<Int>) -> Workload {
    Workload("create + register + death + delivery, anchored", memory: .none) { times in
      for number in 0..<times {
        try registry.register(AnchoredTarget(), holding: number)
        if number & 127 == 127 { try registry.drain() }
      }
      try registry.drain()
    }
  }

  /// The same with targets that have to be watched.
  public static func registerDieDeliverAny(in registry: FinalizationRegistry<Int>) -> Workload {
    Workload("create + register + death + delivery, any object", memory: .none) { times in
      for number in 0..<times {
        try registry.register(PlainTarget(), holding: number)
        if number & 127 == 127 { try registry.drain() }
      }
      try registry.drain()
    }
  }

  public static func nativeResource() -> Workload {
    Workload("NativeResource, create + dispose", memory: .none) { times in
      for number in 0..<times { try NativeResource(number) { _ in }.dispose() }
    }
  }

  /// The same object without a ledger entry. It shows the cost of the class alone.
  public static func minimalResource() -> Workload {
    Workload("a class with a closure, create + call + release", memory: .processMalloc) { times in
      for number in 0..<times {
        let resource = MinimalResource(number) { _ in }
        resource.dispose()
      }
    }
  }

  /// - Parameter keys: the keys that are looked up one after the other; all of them are in the cache.
  public static func cacheHit(_ cache: ResourceCache<Int, PlainTarget>, keys: Range<Int>) throws -> Workload {
    let kept = try keys.map { key in try cache.value(for: key) { PlainTarget() } }
    return Workload("ResourceCache hit", memory: .none) { times in
      var key = keys.lowerBound
      for _ in 0..<times {
        let value = try cache.value(for: key) { fatalError("benchmarks: a kept value was not there") }
        unsafe bench_sink(Unmanaged.passUnretained(value).toOpaque())
        key += 1
        if key == keys.upperBound { key = keys.lowerBound }
      }
      withExtendedLifetime(kept) {}
    }
  }
}

/// A class that has only a handle and its release closure.
private final class MinimalResource {
  private let handle: Int
  private let release: @Sendable (Int) -> Void

  @inline(never)
  init(_ handle: Int, release: @escaping @Sendable (Int) -> Void) {
    self.handle = handle
    self.release = release
  }

  @inline(never)
  func dispose() { release(handle) }
}
