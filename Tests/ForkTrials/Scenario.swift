// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import LeakAuditing
import NativeBuffers
import ResourceLedger
import SystemPackage
import TestSupport

/// Says what threads do while the process forks, and what each child does afterwards.
struct Scenario: Sendable {
  /// One step of the thread with this number. Each thread repeats the step until the process ends.
  var worker: @Sendable (_ thread: Int) -> Void
  /// - Returns: 0 if all is well.
  var child: @Sendable () -> Int32
  /// Looks at the parent's state after all forks.
  /// - Returns: 0 if all is well.
  var parent: @Sendable () -> Int32 = { 0 }
}

final class Anchored: Finalizable, Sendable {
  let finalizationAnchor = FinalizationAnchor()
}

final class Plain: Sendable {}

extension Scenario {
  static let all: [String: Scenario] = [
    "audits": audits, "background": background, "buffers": buffers, "comings": comings, "descriptors": descriptors,
    "drain": drain, "exit": exit, "flush": flush, "forking": forking, "inherited": inherited, "loads": loads,
    "peeks": peeks, "sweeps": sweeps, "trims": trims, "watched": watched,
  ]

  /// Registers and drops a target in a registry that the child makes, and in a registry that it inherited.
  private static func delivers(_ inherited: FinalizationRegistry<Int>, _ makeTarget: () -> AnyObject) -> Int32 {
    let counter = Counter()
    let own = FinalizationRegistry<Int>(name: "own") { _ in counter.add() }
    do {
      try own.register(makeTarget(), holding: 1)
      try inherited.register(makeTarget(), holding: 1)
      own.flush()
      guard counter.value == 1 else { return 2 }
      inherited.flush()
      try inherited.drain()
    } catch {
      return 3
    }
    return 0
  }

  /// Waits until few registrations are left. Threads that register are faster than the thread that runs cleanups, and a
  /// child would have to run all cleanups that are due.
  private static func wait(for registry: FinalizationRegistry<Int>) { while registry.count > 500 { usleep(100) } }

  static var background: Scenario {
    let registry = FinalizationRegistry<Int>(name: "background") { _ in }
    return Scenario(
      worker: { _ in
        for _ in 0..<16 { _ = try? registry.register(Anchored(), holding: 1) }
        wait(for: registry)
      },
      child: { delivers(registry) { Anchored() } })
  }

  static var watched: Scenario {
    let registry = FinalizationRegistry<Int>(name: "watched") { _ in }
    return Scenario(
      worker: { _ in
        for _ in 0..<16 { _ = try? registry.register(Plain(), holding: 1) }
        wait(for: registry)
      },
      child: { delivers(registry) { Plain() } })
  }

  /// Makes and drops registries while a sweep queues the deaths of their targets. So the sweep may drop the last
  /// reference to a registry.
  static var sweeps: Scenario {
    let registry = FinalizationRegistry<Int>(name: "sweeps") { _ in }
    return Scenario(
      worker: { thread in
        if thread == 0 {
          let own = FinalizationRegistry<Int>(name: "own") { _ in }
          for number in 0..<3 { _ = try? own.register(Plain(), holding: number) }
        } else {
          _ = try? registry.register(Plain(), holding: 1)
          registry.flush()
        }
      },
      child: { delivers(registry) { Plain() } })
  }

  static var drain: Scenario {
    let registry = FinalizationRegistry<Int>(name: "drain", delivery: .manual) { _ in }
    return Scenario(
      worker: { _ in
        for _ in 0..<16 { _ = try? registry.register(Anchored(), holding: 1) }
        try? registry.drain()
      }, child: { delivers(registry) { Anchored() } })
  }

  static var flush: Scenario {
    let registry = FinalizationRegistry<Int>(name: "flush") { _ in }
    return Scenario(
      worker: { _ in
        for _ in 0..<4 { _ = try? registry.register(Plain(), holding: 1) }
        registry.flush()
      }, child: { delivers(registry) { Plain() } })
  }

  static var exit: Scenario {
    let registry = FinalizationRegistry<Int>(name: "exit", delivery: .manual) { _ in }
    let target = Anchored()
    let shared = try? registry.register(target, holding: 1)
    return Scenario(
      worker: { _ in
        shared?.runsAtExit = true
        _ = shared?.runsAtExit
        shared?.runsAtExit = false
        withExtendedLifetime(target) {}
      },
      child: {
        let target = Anchored()
        guard let registration = try? registry.register(target, holding: 1) else { return 2 }
        registration.runsAtExit = true
        guard registration.runsAtExit else { return 3 }
        registration.runsAtExit = false
        return registration.runsAtExit ? 4 : 0
      })
  }

  static var descriptors: Scenario {
    @Sendable func use() -> Int32 {
      do {
        let file = try OwnedFileDescriptor.open(FilePath("/dev/null"), .readOnly)
        let census = try FileDescriptorDomain.shared.census()
        try file.close()
        return census.count > 0 ? 0 : 2
      } catch {
        return 3
      }
    }
    return Scenario(worker: { _ in _ = use() }, child: use)
  }

  static var loads: Scenario {
    let cache = ResourceCache<Int, Anchored>(name: "loads")
    let turn = Guarded(0)
    return Scenario(
      worker: { _ in
        let key = turn.withLock { turn in
          turn += 1
          return turn / 8
        }
        // A load is under way most of the time, and often a thread waits for it.
        _ = try? cache.value(for: key % 4) {
          usleep(2_000)
          return Anchored()
        }
      },
      child: {
        for key in 0..<4 {
          guard (try? cache.value(for: key) { Anchored() }) != nil else { return 2 }
        }
        return 0
      })
  }

  static var comings: Scenario {
    @Sendable func come() -> Int32 {
      let registry = FinalizationRegistry<Int>(name: "coming") { _ in }
      let cache = ResourceCache<Int, Anchored>(name: "going", strongByteLimit: 100) { _ in 1 }
      guard (try? cache.value(for: 1) { Anchored() }) != nil else { return 2 }
      return registry.count == 0 ? 0 : 3
    }
    return Scenario(
      worker: { thread in
        if thread == 0 {
          _ = FinalizationRegistry<Int>(name: "coming") { _ in }
        } else {
          _ = ResourceCache<Int, Anchored>(name: "going")
        }
      }, child: come)
  }

  /// Creates and disposes buffers of three kinds of sizes: those that thread caches keep, those that the depot keeps,
  /// and those that an arena gives back at once.
  @Sendable private static func useBuffers(_ arena: Arena?) -> Int32 {
    do {
      for byteCount in [64, 5_000, 100_000, 3 << 20] {
        let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
        guard buffer.dispose() else { return 2 }
      }
      guard try NativeBuffer(uninitializedByteCount: 20_000, arena: arena).dispose() else { return 3 }
      return 0
    } catch {
      return 4
    }
  }

  /// Makes an audit. Returns 0 if the books agree and there is no fault.
  @Sendable private static func audit() -> Int32 {
    guard let report = try? LeakAuditor.audit() else { return 5 }
    guard report.arenas.allSatisfy({ $0.difference == 0 }) else { return 6 }
    return report.findings.contains { $0.kind.isFault } ? 7 : 0
  }

  static var buffers: Scenario {
    let arena = try? Arena(name: "forks", configuration: .init(idleByteLimit: 0))
    return Scenario(
      worker: { _ in _ = useBuffers(arena) },
      child: {
        let outcome = useBuffers(arena)
        Arena.shared.trim()
        return outcome != 0 ? outcome : audit()
      }, parent: audit)
  }

  /// The child uses and disposes buffers that its own thread made before the fork, while other threads of the parent
  /// create and dispose buffers of the same sizes.
  static var inherited: Scenario {
    let arena = try? Arena(name: "inherited")
    let buffers = (0..<60).compactMap { index -> NativeBuffer? in
      let byteCount = [64, 5_000, 900_000][index % 3]
      return try? NativeBuffer(byteCount: byteCount, arena: index % 2 == 0 ? nil : arena)
    }
    let parent = getpid()
    return Scenario(
      worker: { _ in
        _ = useBuffers(arena)
        _ = useBuffers(nil)
      },
      child: {
        // The parent runs this part once, before any fork. That run must not dispose the buffers.
        guard getpid() != parent else { return buffers.count == 60 ? audit() : 8 }
        for (index, buffer) in buffers.enumerated() {
          guard (unsafe try? buffer.withUnsafeMutableBytes({ unsafe $0[0] = UInt8(index) })) != nil else { return 9 }
        }
        // No block that a new buffer gets is one of theirs.
        let own = (0..<300).compactMap { try? NativeBuffer(byteCount: [64, 5_000, 900_000][$0 % 3], arena: arena) }
        for buffer in own {
          guard (unsafe try? buffer.withUnsafeMutableBytes({ unsafe $0[0] = 0xFF })) != nil else { return 10 }
        }
        for (index, buffer) in buffers.enumerated() {
          let byte = unsafe try? buffer.withUnsafeBytes({ unsafe $0[0] })
          guard byte == UInt8(index), buffer.dispose() else { return 11 }
        }
        guard own.allSatisfy({ $0.dispose() }) else { return 12 }
        return audit()
      },
      parent: {
        guard buffers.allSatisfy({ (unsafe try? $0.withUnsafeBytes { unsafe $0[0] }) == 0 }) else { return 13 }
        return audit()
      })
  }

  /// Several threads fork at the same time, and children fork, too.
  static var forking: Scenario {
    @Sendable func fork() -> Int32 {
      let child = Forking.fork()
      if child == 0 { _exit(useBuffers(nil)) }
      return Forking.status(of: child)
    }
    return Scenario(
      worker: { thread in _ = thread == 0 ? fork() : useBuffers(nil) },
      child: {
        let outcome = useBuffers(nil)
        return outcome != 0 ? outcome : fork()
      }, parent: audit)
  }

  static var audits: Scenario {
    let registry = FinalizationRegistry<Int>(name: "audits", delivery: .manual) { _ in }
    return Scenario(
      worker: { thread in
        if thread == 0 {
          _ = audit()
        } else {
          _ = LeakAuditor.scope("forks") { useBuffers(nil) }
          _ = try? registry.register(Anchored(), holding: 1)
          try? registry.drain()
        }
      },
      child: {
        _ = LeakAuditor.scope("child") { useBuffers(nil) }
        return audit()
      }, parent: audit)
  }

  /// Reads a registration's value while the process forks. A thread that ends the registration waits until the reading
  /// is over, so the child must not inherit a reading that never ends.
  static var peeks: Scenario {
    let registry = FinalizationRegistry<Int>(name: "peeks", delivery: .manual) { _ in }
    let target = Anchored()
    let shared = try? registry.register(target, holding: 1)
    let parent = getpid()
    return Scenario(
      worker: { _ in
        for _ in 0..<64 { _ = shared?.peek }
        withExtendedLifetime(target) {}
      },
      child: {
        // The parent runs this part once, before any fork. That run must not end the registration.
        guard getpid() != parent else { return shared?.peek == 1 ? 0 : 2 }
        return shared?.cancel() == 1 ? 0 : 3
      })
  }

  static var trims: Scenario {
    let cache = ResourceCache<Int, Anchored>(name: "trims", strongByteLimit: 100) { _ in 1 }
    return Scenario(
      worker: { thread in
        for key in 0..<16 { _ = try? cache.value(for: key + thread) { Anchored() } }
        cache.trim()
      },
      child: {
        _ = try? cache.value(for: 1) { Anchored() }
        cache.trim()
        return 0
      })
  }
}
