// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import LeakAuditing
import NativeBuffers
import ResourceLedger
import SystemPackage
import TestSupport
import Testing

@testable import Finalization

/// Objects at their end, loads inside loads, and processes after a fork or before their exit.
@Suite("Objects at their end, loads inside loads, and processes after a fork or before their exit")
struct BoundaryTests {
  // MARK: Objects in their deinit

  /// Such an object may be on the stack, so its memory must not be read afterwards.
  private final class RegistersInDeinit {
    let registry: FinalizationRegistry<Int>
    let codes: Log<FinalizationError.Code>

    init(_ registry: FinalizationRegistry<Int>, _ codes: Log<FinalizationError.Code>) {
      self.registry = registry
      self.codes = codes
    }

    deinit {
      do throws(FinalizationError) { try registry.register(self, holding: 1) } catch { codes.add(error.code) }
      // As a token, it has no effect.
      let other = Anchored()
      _ = try? registry.register(other, holding: 2, unregisterToken: self)
      let weak = WeakReference(self)
      if weak.target != nil { codes.add(.inUse) }
    }
  }

  @Test("An object without an anchor is refused in its deinit, and a weak reference to it is dead")
  func registerInDeinit() throws {
    let delivered = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "deinit", delivery: .manual) { delivered.add($0) }
    let codes = Log<FinalizationError.Code>()
    for _ in 0..<100 { _ = RegistersInDeinit(registry, codes) }
    try registry.drain()
    #expect(codes.all == [FinalizationError.Code](repeating: .targetIsDying, count: 100))
    #expect(delivered.all == [Int](repeating: 2, count: 100))
    #expect(registry.count == 0)
  }

  @Test("Weak references to objects that die one after the other do not fill the table of watched objects")
  func weakReferencesInTurn() async {
    await #expect(processExitsWith: .success) {
      // The least of several counts is taken, because a thread that sweeps and loses its processor keeps other threads
      // from sweeping meanwhile.
      var least = Int.max
      for number in 0..<200_000 {
        _ = WeakReference(Plain())
        if number >= 100_000, number & 1_023 == 0 { least = min(least, WatchTable.shared.count) }
      }
      guard least < 50_000 else { fatalError("\(least) objects or more, of 200,000, were watched at the same time") }
    }
  }

  // MARK: Loads inside loads

  private final class Value: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
  }

  @Test("A load that asks for its own key is refused in tasks, too, and through a load of another key")
  func recursiveLoads() async {
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

  @Test("Byte counts as large as integers go neither trap nor stay")
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

  // MARK: Descriptors that were open before

  @Test("A descriptor that was open at the start counts from when it is owned")
  func openDescriptor() async {
    await #expect(processExitsWith: .exitCode(0)) {
      try await Self.useTimers()
      try Self.ownDescriptorsThatWereOpen()
    }
  }

  /// Dispatch opens a descriptor for each clock at the first timer that needs it, and never closes it. That must not
  /// happen in the middle of the test, when the runtime of the test waits for the first time.
  private static func useTimers() async throws {
    try await Task.sleep(for: .milliseconds(1), clock: .continuous)
    try await Task.sleep(for: .milliseconds(1), clock: .suspending)
    await withCheckedContinuation { continuation in
      DispatchQueue.global().asyncAfter(wallDeadline: .now() + .milliseconds(1)) { continuation.resume() }
    }
  }

  private static func ownDescriptorsThatWereOpen() throws {
    let early = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
    let other = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
    let owned = try OwnedFileDescriptor(owning: early)
    guard try isClean() else { exit(2) }
    // It has the number of a descriptor that was open before, and is another file.
    try other.close()
    let reopened = try OwnedFileDescriptor.open(FilePath("/dev/null"), .readOnly)
    guard try isClean() else { exit(3) }
    try owned.close()
    try reopened.close()
    guard try isClean() else { exit(4) }
  }

  /// The runtime of a test may open a descriptor for a short time.
  private static func isClean() throws -> Bool {
    for _ in 0..<50 {
      if try LeakAuditor.audit().findings.allSatisfy({ $0.kind == .rescued }) { return true }
      usleep(10_000)
    }
    return false
  }

  // MARK: Processes

  @Test(
    "In a forked child flush delivers, though background queues stand still",
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
    "A forked child loads what a thread of its parent was loading",
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
    "A registry that a forked child drops delivers what is due",
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
    "At the exit of a forked child its own cleanups run, and none of the parent's",
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

  @Test("A cleanup that asked for it and is under way elsewhere ends before the process does")
  func cleanupBeforeExit() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let began = DispatchSemaphore(value: 0)
      let registry = FinalizationRegistry<Int>(name: "exit") { _ in
        began.signal()
        ExitSignal.hasBegun.wait()
        // An exit that does not wait for the cleanup ends the process meanwhile.
        usleep(100_000)
        _exit(7)
      }
      let holder = Holder(Anchored())
      guard let registration = try holder.current.map({ try registry.register($0, holding: 1) }) else { exit(1) }
      registration.runsAtExit = true
      // Runs before the library's own function at exit, which was registered earlier.
      atexit { ExitSignal.hasBegun.set() }
      holder.release()
      wait(for: began)
      exit(0)
    }
  }

  @Test("Thousands of registries come and go, and native resources find room when domains do not")
  func manyRegistries() async {
    await #expect(processExitsWith: .exitCode(0)) {
      var registries: [FinalizationRegistry<Int>] = []
      // These are more than the ledger has records for, so the last ones share one record.
      for number in 0..<9_000 { registries.append(FinalizationRegistry(name: "\(number)", delivery: .manual) { _ in }) }
      let resource = try NativeResource(1) { _ in }
      guard registries.allSatisfy({ $0.count == 0 }) else { exit(1) }
      resource.dispose()
      registries = []
      let target = Anchored()
      let after = FinalizationRegistry<Int>(name: "after", delivery: .manual) { _ in }
      _ = try after.register(target, holding: 1)
      guard ResourceDomains.all.contains(where: { $0.domain.name == "after" && !$0.sharesID }) else { exit(2) }
    }
  }
}

private enum ExitSignal { static let hasBegun = Flag() }

/// For code in an asynchronous context that may block its thread.
private func flush(_ registry: FinalizationRegistry<Int>) { registry.flush() }
private func load(_ key: Int, of cache: ResourceCache<Int, Anchored>) throws -> Anchored {
  try cache.value(for: key) { Anchored() }
}
