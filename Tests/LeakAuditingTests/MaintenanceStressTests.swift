// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import LeakAuditing
@testable import NativeBuffers

@Suite("Audit: while maintenance works")
struct MaintenanceStressTests {
  @Test("If two threads, maintenance and audits run without a pause, no block is lost, shared, or given out twice")
  func passesUnderLoad() async {
    let seed = UInt64.random(in: 0 ... .max)
    print("maintenance stress: seed \(seed)")
    await #expect(processExitsWith: .success) { [seed = seed as UInt64] in try Self.run(seed, refusingBarrier: false) }
  }

  @Test("The same holds if the kernel refuses membarrier")
  func passesUnderLoadWithoutBarrier() async {
    let seed = UInt64.random(in: 0 ... .max)
    print("maintenance stress without the barrier: seed \(seed)")
    await #expect(processExitsWith: .success) { [seed = seed as UInt64] in try Self.run(seed, refusingBarrier: true) }
  }

  private static func run(_ seed: UInt64, refusingBarrier: Bool) throws {
    Maintenance.beginByHand()
    ThreadCaches.isBarrierRefused.store(refusingBarrier, ordering: .relaxed)
    let steps = TestLength.choose(short: 300_000, 500_000, long: 30_000_000)
    let state = State()
    let slots = SharedSlots<NativeBuffer>(count: 16)
    onThreads(3) { thread in
      if thread == 2 { return maintain(state) }
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      work(steps, UInt64(thread + 1) << 56, slots, &generator, state)
      state.finished.add(1, ordering: .releasing)
    }
    for slot in 0..<16 { slots.exchange(slot, nil)?.dispose() }
    #expect(state.passes.load(ordering: .relaxed) > leastPasses)
    #expect(state.wrongBytes.load(ordering: .relaxed) == 0)
    #expect(state.failures.load(ordering: .relaxed) == 0)
    #expect(state.findings.withLock { $0 } == [])
    let books = try #require(try LeakAuditor.audit().arenas.first { $0.name == "shared" })
    #expect(books.difference == 0 && books.live.count == 0)
    #expect(books.buffers.created == state.created.load(ordering: .relaxed))
    ThreadCaches.current()?._checkInvariants()
    Arena.shared._checkInvariants()
    if !refusingBarrier { Arena.shared.trim() }
  }

  /// The threads go on until there were so many passes.
  private static let leastPasses = 64

  private final class State: Sendable {
    let finished = Atomic(0)
    let passes = Atomic(0)
    let created = Atomic(0)
    let wrongBytes = Atomic(0)
    let failures = Atomic(0)
    let findings = Mutex<[String]>([])
  }

  /// Makes one pass after the other, each as if half of the idle time had passed, and sometimes an audit.
  private static func maintain(_ state: State) {
    var now: UInt64 = 0
    while state.finished.load(ordering: .acquiring) < 2 {
      _ = Maintenance.pass(at: now)
      now += 5_000_000_000
      let passes = state.passes.add(1, ordering: .relaxed).newValue
      if passes % 64 == 0 {
        let wrong = (try? LeakAuditor.audit().findings.filter { $0.kind != .rescued }.map { "\($0)" }) ?? ["no audit"]
        if !wrong.isEmpty { state.findings.withLock { $0 += wrong } }
      }
    }
  }

  /// Creates and disposes buffers. Most are small and use the thread's cache; some are large and use the depot; some
  /// are left for the other thread, which disposes them. Every buffer has its own number at both ends while it lives.
  private static func work(
    _ steps: Int, _ base: UInt64, _ slots: SharedSlots<NativeBuffer>, _ generator: inout SeededGenerator, _ state: State
  ) {
    var live: [(buffer: NativeBuffer, number: UInt64)] = []
    var created = 0
    var step = 0
    while step < steps || state.passes.load(ordering: .relaxed) <= leastPasses {
      step += 1
      let random = generator.next()
      if live.count < 24, random & 1 == 0 {
        let shift = random >> 1 & 63 == 0 ? 14 : 4
        let byteCount = 16 + Int(random >> 8 & 255) << shift
        guard let buffer = try? NativeBuffer(uninitializedByteCount: byteCount) else {
          state.failures.add(1, ordering: .relaxed)
          continue
        }
        created += 1
        let number = base | UInt64(step)
        try? buffer.withMutableBytes { bytes in
          bytes.storeBytes(of: number, toByteOffset: 0, as: UInt64.self)
          bytes.storeBytes(of: number, toByteOffset: byteCount - 8, as: UInt64.self)
        }
        live.append((buffer, number))
      } else if !live.isEmpty {
        let (buffer, number) = live.remove(at: Int(random >> 8) % live.count)
        let isWhole =
          (try? buffer.withBytes { bytes in
            unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt64.self) == number
              && bytes.unsafeLoadUnaligned(fromByteOffset: bytes.byteCount - 8, as: UInt64.self) == number
          }) ?? false
        if !isWhole { state.wrongBytes.add(1, ordering: .relaxed) }
        if random >> 4 & 15 == 0 {
          slots.exchange(Int(random >> 40 & 15), buffer)?.dispose()
        } else {
          buffer.dispose()
        }
      }
    }
    for (buffer, _) in live { buffer.dispose() }
    state.created.add(created, ordering: .relaxed)
  }
}
