// SPDX-License-Identifier: Apache-2.0

import Finalization
import NativeBuffers
import NativeSynchronization
import Synchronization
import TestSupport
import Testing

@Suite("What a cache tells its values")
struct CacheMarkTests {
  /// Keeps what it was told last.
  private final class Page: CacheableResource, Sendable {
    let isHeld = Atomic(false)
    let calls = Atomic(0)
    let byteCount: Int
    init(_ byteCount: Int = 100) { self.byteCount = byteCount }
    func setHeldByCache(_ isHeld: Bool) {
      self.isHeld.store(isHeld, ordering: .sequentiallyConsistent)
      calls.add(1, ordering: .sequentiallyConsistent)
    }
    var told: Bool { isHeld.load(ordering: .sequentiallyConsistent) }
    var callCount: Int { calls.load(ordering: .sequentiallyConsistent) }
  }

  private typealias Cache = ResourceCache<Int, Page>

  @Test("A value is told when the strong tier begins and stops to hold it, and before the caller gets it")
  func admittedAndEvicted() throws {
    let cache = Cache(name: "marks", strongByteLimit: 200) { _ in 100 }
    let pages = try (0..<3).map { key in
      let page = try cache.value(for: key) { Page() }
      #expect(page.told)
      return page
    }
    #expect(pages.map(\.told) == [false, true, true])
    _ = cache.cachedValue(for: 0)
    #expect(pages.map(\.told) == [true, false, true])
    cache.trim(keeping: 100)
    #expect(pages.map(\.told) == [true, false, false])
    cache.removeAll()
    #expect(pages.map(\.told) == [false, false, false])
    #expect(pages.map(\.callCount) == [4, 2, 2])
  }

  @Test("The end of a cache ends the marks, and a value that is held weakly is told nothing")
  func ending() throws {
    var pages: [Page] = []
    do {
      let cache = Cache(name: "ending", strongByteLimit: 100) { $0.byteCount }
      for key in 0..<2 { pages.append(try cache.value(for: key) { Page(100 + key) }) }
      #expect(pages.map(\.told) == [true, false])
    }
    #expect(pages.map(\.told) == [false, false] && pages[1].callCount == 0)
    let weakly = Cache(name: "weakly")
    #expect(try weakly.value(for: 1) { pages[0] }.callCount == 2)
  }

  @Test("A hit tells nothing")
  func hits() throws {
    let cache = Cache(name: "hits", strongByteLimit: 100) { _ in 100 }
    for _ in 0..<10 { #expect(try cache.value(for: 1) { Page() }.callCount == 1) }
  }

  @Test("A value may use the cache when it is told")
  func usesCache() throws {
    final class Asking: CacheableResource, Sendable {
      let ask: @Sendable () -> Void
      init(_ ask: @escaping @Sendable () -> Void) { self.ask = ask }
      func setHeldByCache(_ isHeld: Bool) { ask() }
    }
    let cache = ResourceCache<Int, Asking>(name: "asking", strongByteLimit: 200) { _ in 100 }
    let answers = Log<Int>()
    for key in 0..<3 { _ = try cache.value(for: key) { Asking { answers.add(cache.strongByteCount) } } }
    cache.removeAll()
    // The third value is told before the first one is evicted for it.
    #expect(answers.all == [100, 200, 300, 200, 0, 0])
  }

  @Test("If threads admit and evict the same values at once, each value knows the truth at the end")
  func race() throws {
    let cache = Cache(name: "race", strongByteLimit: 300) { _ in 100 }
    let pages = try (0..<4).map { key in try cache.value(for: key) { Page() } }
    for round in 0..<300 {
      onThreads(4) { thread in
        for step in 0..<20 {
          switch (thread + step) % 4 {
          case 0: cache.trim(keeping: 100 * (round % 4))
          default: _ = cache.cachedValue(for: (step + thread) % 4)
          }
        }
      }
      #expect(pages.count(where: \.told) * 100 == cache.strongByteCount)
    }
    cache.trim()
    #expect(pages.allSatisfy { !$0.told })
  }

  @Test("A call that comes late does not have the last word")
  func lateCall() throws {
    // The thread that admits the value is stopped in its first call, until another thread has evicted the value.
    final class Slow: CacheableResource, Sendable {
      let isHeld = Atomic(false)
      let isAdmitting = Flag()
      let isEvicted = Flag()
      func setHeldByCache(_ isHeld: Bool) {
        if isHeld {
          isAdmitting.set()
          isEvicted.wait()
        }
        self.isHeld.store(isHeld, ordering: .sequentiallyConsistent)
      }
    }
    let cache = ResourceCache<Int, Slow>(name: "late", strongByteLimit: 100) { _ in 100 }
    let slow = Slow()
    let loader = Worker { _ = try? cache.value(for: 1) { slow } }
    slow.isAdmitting.wait()
    #expect(cache.trim() == 100)
    slow.isEvicted.set()
    loader.wait()
    #expect(slow.isHeld.load(ordering: .sequentiallyConsistent) == false)
  }
}
