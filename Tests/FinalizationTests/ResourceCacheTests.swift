// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Glibc
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@Suite("Caches of resources, and weak references")
struct ResourceCacheTests {
  final class Image: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
    let number: Int
    init(_ number: Int = 0) { self.number = number }
  }

  /// The two ways in which a death becomes known, as in other tests.
  final class PlainImage: Sendable {}

  private typealias Cache = ResourceCache<String, Image>

  @Test("A value is not loaded again while it is alive")
  func loadedOnce() throws {
    let cache = Cache(name: "cache")
    let first = try cache.value(for: "a") { Image() }
    let second = try cache.value(for: "a") {
      Issue.record("loaded again")
      return Image()
    }
    #expect(first === second)
    #expect(cache.cachedValue(for: "a") === first)
    #expect(cache.cachedValue(for: "b") == nil)
    #expect(cache.statistics.hits == 2)
    #expect(cache.statistics.misses == 2)
    #expect(cache.statistics.loads == 1)
  }

  @Test("A value without other references dies, and its entry is removed")
  func valueDies() throws {
    let cache = Cache(name: "cache")
    _ = try cache.value(for: "a") { Image() }
    cache.flush()
    #expect(cache.count == 0)
    #expect(cache.statistics.dead == 1)
    let plain = ResourceCache<Int, PlainImage>(name: "plain")
    _ = try plain.value(for: 1) { PlainImage() }
    plain.flush()
    #expect(plain.count == 0)
  }

  @Test("A task waits without blocking a thread until the entries of dead values are removed")
  func flushInTask() async throws {
    let cache = Cache(name: "cache")
    let kept = try await cache.value(for: "kept") { Image() }
    for number in 1...100 {
      _ = try await cache.value(for: "\(number)") { Image(number) }
      await cache.flush()
      #expect(cache.count == 1 && cache.statistics.dead == number)
    }
    #expect(cache.cachedValue(for: "kept") === kept)
  }

  @Test("A late cleanup never evicts a newer entry for the same key")
  func lateCleanup() throws {
    let cache = Cache(name: "cache")
    for number in 0..<200 {
      // The first one's cleanup runs in the background, at any time from now on.
      _ = try cache.value(for: "a") { Image(number) }
      let newer = try cache.value(for: "a") { Image(-number) }
      cache.flush()
      #expect(cache.cachedValue(for: "a") === newer)
    }
  }

  @Test("A failing load is not cached and its error reaches the caller")
  func failingLoad() throws {
    let cache = Cache(name: "cache")
    #expect(throws: Failure(number: 1)) { try cache.value(for: "a") { throw Failure(number: 1) } }
    #expect(cache.count == 0)
    let image = try cache.value(for: "a") { Image(2) }
    #expect(image.number == 2)
    #expect(cache.statistics.loads == 2)
  }

  @Test("For each key, one load runs at a time, even if many threads ask for it")
  func oneLoadOfThreads() throws {
    let cache = Cache(name: "cache")
    let loads = Log<Int>()
    let results = Log<Image>()
    let asking = Counter()
    onThreads(8) { _ in
      asking.add()
      let image = try? cache.value(for: "a") {
        loads.add(1)
        while asking.value < 8 { sched_yield() }
        return Image()
      }
      if let image { results.add(image) }
    }
    #expect(loads.count == 1)
    #expect(results.count == 8)
    #expect(Set(results.all.map { ObjectIdentifier($0) }).count == 1)
  }

  @Test("For each key, one load runs at a time, even if many tasks and threads ask for it")
  func oneLoadOfTasks() async throws {
    let cache = Cache(name: "cache")
    let loads = Log<Int>()
    let asking = Counter()
    let images = try await withThrowingTaskGroup(of: Image.self) { group in
      for _ in 0..<20 {
        group.addTask {
          asking.add()
          return try await cache.value(for: "a") {
            loads.add(1)
            while asking.value < 20 { await Task.yield() }
            return Image()
          }
        }
      }
      return try await group.reduce(into: [Image]()) { $0.append($1) }
    }
    #expect(loads.count == 1)
    #expect(Set(images.map { ObjectIdentifier($0) }).count == 1)
  }

  @Test("If a loader is cancelled, the callers that wait for its load do not fail")
  func cancelledLoader() async throws {
    let cache = Cache(name: "cache")
    let (started, startedContinuation) = AsyncStream<Void>.makeStream()
    let loader = Task {
      try await cache.value(for: "a") {
        startedContinuation.yield()
        // It ends by the cancellation alone, however late that comes.
        while true { try await Task.sleep(for: .seconds(60)) }
      }
    }
    for await _ in started { break }
    let waiter = Task {
      try await cache.value(for: "a") {
        await Task.yield()
        return Image(2)
      }
    }
    loader.cancel()
    let number = try await waiter.value.number
    #expect(number == 2)
    await #expect(throws: CancellationError.self) { try await loader.value }
  }

  @Test("A load that asks for its own key fails")
  func recursiveLoad() throws {
    let cache = Cache(name: "cache")
    let error = #expect(throws: FinalizationError.self) {
      try cache.value(for: "a") { try cache.value(for: "a") { Image() } }
    }
    #expect(error?.reason == .recursiveLoad(cache: "cache"))
  }

  @Test("The strong tier keeps the last used values within its bytes, and evicts the least recently used first")
  func strongTier() throws {
    let cache = ResourceCache<Int, Image>(name: "cache", strongByteLimit: 300) { _ in 100 }
    for number in 0..<3 { _ = try cache.value(for: number) { Image(number) } }
    #expect(cache.strongByteCount == 300)
    _ = try cache.value(for: 0) { Image(-1) }
    _ = try cache.value(for: 3) { Image(3) }
    #expect(cache.strongByteCount == 300)
    cache.flush()
    // 1 is the least recently used one, because 0 was asked for after it.
    #expect(cache.cachedValue(for: 1) == nil)
    for number in [0, 2, 3] { #expect(cache.cachedValue(for: number)?.number == number) }
    #expect(cache.statistics.evictions == 1)
  }

  @Test("A value that uses the cache in its deinit can be evicted")
  func evictedValueUsesCache() async {
    // A process of its own: it would end or hang if the value were released under the cache's locks.
    await #expect(processExitsWith: .exitCode(0)) { try Self.evictAskingValues() }
  }

  private final class Asking: Sendable {
    let ask: @Sendable () -> Void
    init(_ ask: @escaping @Sendable () -> Void) { self.ask = ask }
    deinit { ask() }
  }

  private static func evictAskingValues() throws {
    ProcessTimeLimit.set(seconds: 20)
    let cache = ResourceCache<Int, Asking>(name: "cache", strongByteLimit: 300) { _ in 100 }
    let answers = Log<Int>()
    for number in 0..<5 { _ = try cache.value(for: number) { Asking { answers.add(cache.strongByteCount) } } }
    #expect(answers.all == [300, 300])
    #expect(cache.trim(keeping: 100) == 200)
    #expect(answers.all == [300, 300, 100, 100])
  }

  @Test("A value larger than the strong tier is only weakly held")
  func largeValue() throws {
    let cache = ResourceCache<Int, Image>(name: "cache", strongByteLimit: 300) { _ in 301 }
    let image = try cache.value(for: 1) { Image() }
    #expect(cache.strongByteCount == 0)
    #expect(cache.cachedValue(for: 1) === image)
  }

  @Test("Trim makes strong values weak, and values without other references leave the cache")
  func trimming() throws {
    let cache = ResourceCache<Int, Image>(name: "cache", strongByteLimit: 1_000) { _ in 100 }
    for number in 0..<10 { _ = try cache.value(for: number) { Image(number) } }
    #expect(cache.trim(keeping: 500) == 500)
    #expect(cache.strongByteCount == 500)
    #expect(cache.trim() == 500)
    #expect(cache.strongByteCount == 0)
    cache.flush()
    #expect(cache.count == 0)
  }

  @Test("removeAll forgets the strong values, and the values that are still alive elsewhere")
  func removeAll() throws {
    let cache = ResourceCache<Int, Image>(name: "cache", strongByteLimit: 1_000) { _ in 100 }
    let image = try cache.value(for: 1) { Image(1) }
    weak let other = try cache.value(for: 2) { Image(2) }
    #expect(other != nil)
    cache.removeAll()
    #expect(other == nil)
    #expect(cache.count == 0)
    #expect(cache.strongByteCount == 0)
    let again = try cache.value(for: 1) { Image(3) }
    #expect(again !== image)
  }

  @Test("A value that was loaded while removeAll ran is returned and not kept")
  func removeAllDuringLoad() throws {
    let cache = Cache(name: "cache")
    let image = try cache.value(for: "a") {
      cache.removeAll()
      return Image(1)
    }
    #expect(image.number == 1)
    #expect(cache.count == 0)
  }
}

extension ResourceCacheTests {
  private final class Value: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
  }

  @Test("A load that asks for its own key fails in tasks, too, and if another key's load asks for it")
  func recursiveLoadsOfTasks() async {
    let cache = ResourceCache<Int, Value>(name: "loads")
    await #expect(throws: FinalizationError.self) {
      try await cache.value(for: 1) {
        await Task.yield()
        return try await cache.value(for: 1) {
          await Task.yield()
          return Value()
        }
      }
    }
    await #expect(throws: FinalizationError.self) {
      try await cache.value(for: 1) {
        try await cache.value(for: 2) {
          await Task.yield()
          return try await cache.value(for: 1) {
            await Task.yield()
            return Value()
          }
        }
      }
    }
    #expect(cache.count == 0)
  }

  @Test("The largest byte counts do not stop the program, and are not kept")
  func largeByteCounts() throws {
    let cache = ResourceCache<Int, Value>(name: "large", strongByteLimit: .max) { _ in .max }
    let values = try (0..<5).map { key in try cache.value(for: key) { Value() } }
    #expect(cache.strongByteCount > 0)
    #expect(cache.statistics.evictions >= 3)
    withExtendedLifetime(values) {}
    let registry = FinalizationRegistry<Int>(name: "large", delivery: .manual) { _ in }
    let error = #expect(throws: FinalizationError.self) {
      try registry.register(Anchored(), holding: 1, byteCount: .max)
    }
    #expect(error?.reason == .invalidByteCount(.max))
    #expect(throws: FinalizationError.self) { try NativeResource(1, byteCount: .max) { _ in } }
    #expect(registry.census() == Census(count: 0, byteCount: 0))
  }
}

extension ResourceCacheTests {
  @Test("Weak references are equal by the identity of their object, also after its death")
  func weakEquality() {
    var first: Plain? = Plain()
    let a = first.map { WeakReference($0) }
    let b = first.map { WeakReference($0) }
    let other = Plain()
    #expect(a == b)
    #expect(a?.hashValue == b?.hashValue)
    #expect(a != WeakReference(other))
    #expect(a?.target === first)
    first = nil
    #expect(a?.target == nil)
    #expect(a == b)
  }

  @Test("A weak reference is never equal to a reference to a later object at the same address")
  func weakReusedAddress() {
    var dead: Set<WeakReference<Plain>> = []
    for _ in 0..<1_000 { dead.insert(WeakReference(Plain())) }
    #expect(dead.count == 1_000)
    #expect(dead.allSatisfy { $0.target == nil })
  }

  @Test("withTarget keeps the object alive while the closure runs")
  func withTarget() {
    let log = Log<Bool>()
    let holder = Holder(Plain())
    let reference = holder.with { WeakReference($0) }
    let result = reference?.withTarget { object -> Int in
      holder.release()
      log.add(reference?.target === object)
      return 5
    }
    #expect(result == 5)
    #expect(log.all == [true])
    #expect(reference?.target == nil)
    #expect(reference?.withTarget { _ in 1 } == nil)
  }
}
