// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import NativeBuffers
import TestSupport
import Testing

@testable import Finalization

// What happens if the process may not map enough memory for one more thread. Each test has a process of its own, whose
// memory it limits, and in which Dispatch has no thread of the library's priority yet.

@Suite(
  "Registries and weak references without room for another thread",
  .enabled(if: ProcessMalloc.owner != .another, "A sanitizer maps terabytes for itself, and mimalloc gigabytes."))
struct ThreadRoomTests {
  /// Less than the stack of a thread.
  private static let little = 4 << 20

  @Test("No call waits for a thread: flushes, drains and the end of a registry deliver on the calling thread")
  func noRoom() async {
    await #expect(processExitsWith: .exitCode(0)) {
      ProcessTimeLimit.set(seconds: 60)
      let log = Log<Int>()
      let registry = FinalizationRegistry<Int>(name: "tight") { log.add($0) }
      var dropped: FinalizationRegistry<Int>? = FinalizationRegistry<Int>(name: "dropped") { log.add($0) }
      MemoryLimit.set(to: Self.little)
      let object = Plain()
      let reference = WeakReference(object)
      guard reference.target === object else { exit(2) }
      _ = try registry.register(Plain(), holding: 1)
      _ = try registry.register(Anchored(), holding: 2)
      guard log.all == [] else { exit(3) }
      flush(registry)
      guard Set(log.all) == [1, 2] else { exit(4) }
      _ = try registry.register(Anchored(), holding: 3)
      await registry.flush()
      guard log.all.last == 3 else { exit(5) }
      _ = try registry.register(Plain(), holding: 4)
      try registry.drain()
      guard log.all.last == 4 else { exit(6) }
      _ = try dropped?.register(Anchored(), holding: 5)
      dropped = nil
      exit(log.all.last == 5 ? 0 : 7)
    }
  }

  @Test("The same holds for a limit on private memory")
  func noPrivateMemory() async {
    await #expect(processExitsWith: .exitCode(0)) {
      ProcessTimeLimit.set(seconds: 60)
      let log = Log<Int>()
      let registry = FinalizationRegistry<Int>(name: "tight") { log.add($0) }
      MemoryLimit.set(.data, to: Self.little)
      _ = try registry.register(Plain(), holding: 1)
      _ = try registry.register(Anchored(), holding: 2)
      flush(registry)
      exit(Set(log.all) == [1, 2] ? 0 : 2)
    }
  }

  @Test("When there is room again, the next use of registries or weak references has the deaths delivered")
  func roomAgain() async {
    await #expect(processExitsWith: .exitCode(0)) {
      ProcessTimeLimit.set(seconds: 60)
      let delivered = DispatchSemaphore(value: 0)
      let registry = FinalizationRegistry<Int>(name: "tight") { _ in delivered.signal() }
      let other = FinalizationRegistry<Int>(name: "other") { _ in }
      let manual = FinalizationRegistry<Int>(name: "manual", delivery: .manual) { _ in }
      let targets = (0..<200).map { _ in Anchored() }
      // Before that, `other` gets its first cells, so that it needs none later.
      _ = try other.register(targets[0], holding: 0)
      func afterShortage(_ use: () throws -> Void) throws {
        MemoryLimit.set(to: Self.little)
        _ = try registry.register(Anchored(), holding: 1)
        MemoryLimit.lift()
        try use()
        wait(for: delivered)
      }
      // The timer would have the deaths delivered, too. So what starts it comes last.
      try afterShortage { _ = try other.register(Anchored(), holding: 2) }
      try afterShortage { for target in targets { _ = try registry.register(target, holding: 3) } }
      try afterShortage { try manual.drain() }
      try afterShortage { _ = WeakReference(targets[0]) }
      exit(0)
    }
  }

  @Test("The timer is started as soon as there is room: when an object is watched, or by a drain")
  func timerAgain() async {
    await #expect(processExitsWith: .exitCode(0)) {
      ProcessTimeLimit.set(seconds: 60)
      let delivered = DispatchSemaphore(value: 0)
      let registry = FinalizationRegistry<Int>(name: "tight") { _ in delivered.signal() }
      let manual = FinalizationRegistry<Int>(name: "manual", delivery: .manual) { _ in }
      MemoryLimit.set(to: Self.little)
      var object: Plain? = Plain()
      _ = try object.map { try registry.register($0, holding: 1) }
      MemoryLimit.lift()
      try manual.drain()
      object = nil
      // Only the timer's sweep finds this death.
      wait(for: delivered)
      exit(0)
    }
    await #expect(processExitsWith: .exitCode(0)) {
      ProcessTimeLimit.set(seconds: 60)
      let delivered = DispatchSemaphore(value: 0)
      let registry = FinalizationRegistry<Int>(name: "tight") { _ in delivered.signal() }
      MemoryLimit.set(to: Self.little)
      var objects: [Plain] = [Plain()]
      _ = try registry.register(objects[0], holding: 1)
      MemoryLimit.lift()
      let other = Plain()
      _ = try registry.register(other, holding: 2)
      objects = []
      withExtendedLifetime(other) { wait(for: delivered) }
      exit(0)
    }
  }
}

private func flush(_ registry: FinalizationRegistry<Int>) { registry.flush() }
