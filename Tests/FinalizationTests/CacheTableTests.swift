// SPDX-License-Identifier: Apache-2.0

import Finalization
import TestSupport
import Testing

/// Tests of the cache's table and of its order of use, against simple models and with several threads.
@Suite("The table of a cache")
struct CacheTableTests {
  private final class Picture: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
    let key: Int
    let byteCount: Int
    init(_ key: Int, byteCount: Int = 1) {
      self.key = key
      self.byteCount = byteCount
    }
  }

  @Test("The strong tier evicts values in exactly the order of their use, as a simple list does")
  func orderOfUse() throws {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    let limit = 400
    let cache = ResourceCache<Int, Picture>(name: "model", strongByteLimit: limit) { $0.byteCount }
    // The most recently used value is last. A value that is not in this list is dead, because there is no other
    // reference to it.
    var model: [(key: Int, byteCount: Int)] = []
    var loads = 0
    var evictions = 0
    for step in 0..<20_000 {
      let key = Int.random(in: 0..<60, using: &random)
      let byteCount = Int.random(in: 1...60, using: &random)
      var isLoaded = false
      let used = try cache.value(for: key) {
        isLoaded = true
        loads += 1
        return Picture(key, byteCount: byteCount)
      }.byteCount
      let known = model.firstIndex { $0.key == key }
      #expect(isLoaded == (known == nil), "seed \(seed), step \(step), key \(key)")
      if let known { model.remove(at: known) }
      model.append((key, used))
      while model.reduce(0, { $0 + $1.byteCount }) > limit {
        model.removeFirst()
        evictions += 1
      }
    }
    cache.flush()
    #expect(cache.strongByteCount == model.reduce(0) { $0 + $1.byteCount }, "seed \(seed)")
    #expect(cache.statistics.loads == loads)
    #expect(cache.statistics.evictions == evictions)
    #expect(cache.count == model.count)
  }

  @Test("A value that was evicted from the strong tier and is asked for again is strong again")
  func strongAgain() throws {
    let cache = ResourceCache<Int, Picture>(name: "again", strongByteLimit: 2) { $0.byteCount }
    let held = try cache.value(for: 1) { Picture(1) }
    for key in 2...3 { _ = try cache.value(for: key) { Picture(key) } }
    #expect(cache.statistics.evictions == 1)
    #expect(try cache.value(for: 1) { Picture(-1) } === held)
    // Now 2 was the least recently used.
    #expect(cache.cachedValue(for: 2) == nil)
    #expect(cache.cachedValue(for: 3) != nil)
    #expect(cache.strongByteCount == 2)
  }

  @Test("Every value is found while the table grows and shrinks, and while other threads empty it")
  func growingTable() throws {
    let cache = ResourceCache<Int, Picture>(name: "growing")
    let kept = try (0..<500).map { key in try cache.value(for: key) { Picture(key) } }
    let isOver = Flag()
    let wrong = Counter()
    let failed = Counter()
    onThreads(2) { thread in
      if thread == 0 {
        do {
          // The table grows to 3,500 entries and loses them again, three times.
          for _ in 0..<3 {
            _ = try (1_000..<4_000).map { key in try cache.value(for: key) { Picture(key) } }
          }
        } catch {
          failed.add()
        }
        isOver.set()
      } else {
        var key = 0
        while !isOver.isSet {
          key = (key + 7) % 500
          if cache.cachedValue(for: key) !== kept[key] { wrong.add() }
        }
      }
    }
    #expect(wrong.value == 0)
    #expect(failed.value == 0)
    cache.flush()
    #expect(cache.count == 500)
    cache.removeAll()
    #expect(cache.count == 0)
    #expect(cache.cachedValue(for: 1) == nil)
    withExtendedLifetime(kept) {}
  }

  @Test("The cache distinguishes keys whose hashes are equal")
  func collidingHashes() throws {
    struct Colliding: Hashable {
      let number: Int
      func hash(into hasher: inout Hasher) {}
    }
    let cache = ResourceCache<Colliding, Picture>(name: "colliding")
    let kept = try (0..<200).map { number in
      try cache.value(for: Colliding(number: number)) { Picture(number) }
    }
    for number in 0..<200 { #expect(cache.cachedValue(for: Colliding(number: number)) === kept[number]) }
  }

  @Test("Threads that load, use and drop the same keys each get the value of the key that they asked for")
  func threadsAgree() throws {
    let seed = UInt64.random(in: .min ... .max)
    let cache = ResourceCache<Int, Picture>(name: "race", strongByteLimit: 16) { $0.byteCount }
    let wrong = Counter()
    onThreads(3) { thread in
      var random = SeededGenerator(seed: seed &+ UInt64(thread))
      for _ in 0..<5_000 {
        let key = Int.random(in: 0..<40, using: &random)
        let value = try? cache.value(for: key) { Picture(key) }
        if value?.key != key { wrong.add() }
        if Int.random(in: 0..<200, using: &random) == 0 { cache.trim() }
      }
    }
    #expect(wrong.value == 0, "seed \(seed)")
    #expect(cache.strongByteCount <= 16)
    cache.removeAll()
    cache.flush()
    #expect(cache.count == 0)
  }
}
