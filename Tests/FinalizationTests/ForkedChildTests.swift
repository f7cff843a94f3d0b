// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import TestSupport
import Testing

@testable import Finalization

@Suite("Registries and caches in a forked child")
struct ForkedChildTests {
  @Test(
    "A forked child can go on with its own registry",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive it under ThreadSanitizer"))
  func forkedChild() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let registry = FinalizationRegistry<Int>(name: "fork", delivery: .manual) { _ in }
      let isOver = Flag()
      let hasBegun = DispatchSemaphore(value: 0)
      // What Swift makes at the first use of a type is made before the first fork, and by these threads, too.
      // Otherwise, a child would wait for ever for the runtime's lock if another thread held it at the fork.
      @Sendable func useOwnRegistry() -> Bool {
        let log = Log<Int>()
        let own = FinalizationRegistry<Int>(name: "own", delivery: .manual) { log.add($0) }
        _ = try? own.register(Anchored(), holding: 1)
        _ = try? registry.register(Anchored(), holding: 1)
        try? own.drain()
        return log.all == [1]
      }
      for _ in 0..<2 {
        Worker {
          let target = Anchored()
          func step() {
            _ = try? registry.register(target, holding: 1, unregisterToken: target)
            registry.unregister(target)
          }
          step()
          hasBegun.signal()
          while !isOver.isSet { step() }
        }
      }
      for _ in 0..<2 { hasBegun.wait() }
      guard useOwnRegistry() else { exit(3) }
      for number in 0..<20 {
        let child = Forking.fork()
        if child == 0 { _exit(useOwnRegistry() ? 0 : 1) }
        let status = Forking.status(of: child)
        guard status == 0 else {
          print("child \(number) ended with status \(status)")
          exit(2)
        }
      }
      isOver.set()
    }
  }

  @Test(
    "In a forked child, flush delivers, although background queues do not run there",
    .enabled(if: !Sanitizer.isOn, "a child under a sanitizer hangs"))
  func flushInChild() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let inParent = FinalizationRegistry<Int>(name: "parent") { _ in }
      _ = try inParent.register(Anchored(), holding: 1)
      flush(inParent)
      let child = Forking.fork()
      if child == 0 {
        let log = Log<Int>()
        let registry = FinalizationRegistry<Int>(name: "child") { log.add($0) }
        _ = try? registry.register(Anchored(), holding: 1)
        _ = try? registry.register(Plain(), holding: 2)
        flush(registry)
        _exit(Set(log.all) == [1, 2] ? 0 : 1)
      }
      if Forking.status(of: child) != 0 { exit(2) }
    }
  }

  @Test(
    "A forked child loads the value that a thread of its parent was loading",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive a fork under ThreadSanitizer"))
  func loadInChild() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let cache = ResourceCache<Int, Anchored>(name: "loads of a parent")
      _ = try load(0, of: cache)
      let (began, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      onThreads(2) { thread in
        if thread == 0 {
          _ = try? cache.value(for: 1) {
            began.signal()
            mayEnd.wait()
            return Anchored()
          }
          return
        }
        began.wait()
        for _ in 0..<3 {
          let child = Forking.fork()
          if child == 0 {
            guard let value = try? load(1, of: cache), cache.cachedValue(for: 1) === value else { _exit(1) }
            _exit(0)
          }
          if Forking.status(of: child) != 0 { exit(2) }
        }
        mayEnd.signal()
      }
      // The parent's own load continued.
      if cache.statistics.loads != 2 { exit(3) }
    }
  }

  @Test(
    "If a forked child drops a registry, the registry delivers what is due",
    .enabled(if: !Sanitizer.isOn, "a child under a sanitizer hangs"))
  func droppedInChild() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let log = Log<Int>()
      var inParent: FinalizationRegistry<Int>? = FinalizationRegistry(name: "dropped") { log.add($0) }
      _ = try inParent?.register(Anchored(), holding: 1)
      inParent.map { flush($0) }
      let child = Forking.fork()
      if child == 0 {
        _ = try? inParent?.register(Anchored(), holding: 2)
        inParent = nil
        _exit(log.all == [1, 2] ? 0 : 1)
      }
      if Forking.status(of: child) != 0 { exit(2) }
    }
  }

  @Test(
    "At the exit of a forked child, its own cleanups run, and no cleanup of the parent",
    .enabled(if: !Sanitizer.isOn, "a child under a sanitizer hangs"))
  func exitOfChild() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let registry = FinalizationRegistry<Int32>(name: "exits", delivery: .manual) { code in _exit(code) }
      let target = Anchored()
      let inherited = try registry.register(target, holding: 9)
      inherited.runsAtExit = true
      let child = Forking.fork()
      if child == 0 {
        if let own = try? registry.register(target, holding: 7) { own.runsAtExit = true }
        exit(1)
      }
      _ = inherited.cancel()
      // The exit code is 7; the result would be -1 if there were no child.
      var status: Int32 = 0
      if unsafe waitpid(child, &status, 0) != child || status != 7 << 8 { exit(2) }
      withExtendedLifetime(target) {}
    }
  }
}

/// For code in an asynchronous context that may block its thread.
private func flush(_ registry: FinalizationRegistry<Int>) { registry.flush() }
private func load(_ key: Int, of cache: ResourceCache<Int, Anchored>) throws -> Anchored {
  try cache.value(for: key) { Anchored() }
}
