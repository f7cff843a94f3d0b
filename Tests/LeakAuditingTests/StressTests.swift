// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import Synchronization
import TestSupport
import Testing

@testable import LeakAuditing

@Suite("Audit: under load")
struct StressTests {
  /// The number of steps of each thread: few if a sanitizer makes each step slow, many if there is time.
  private static let operations = TestLength.choose(short: 100_000, 500_000, long: 50_000_000)

  @Test("Audits during many operations of two threads have no false finding")
  func exactUnderLoad() throws {
    // A small limit of idle blocks keeps the slow path busy, too.
    let arena = try Arena(name: "stress", configuration: .init(idleByteLimit: 300_000))
    let operations = Self.operations
    let seed = UInt64.random(in: 0 ... .max)
    print("stress: seed \(seed), 2 × \(operations) operations")
    let slots = SharedSlots<NativeBuffer>(count: 256)
    let state = State()
    let gate = Gate(threads: 3)
    onThreads(3) { thread in
      gate.pass()
      if thread == 2 { return Self.auditAllTheWhile(state) }
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      for _ in 0..<operations { Self.step(arena, slots, &generator, state) }
      state.finished.add(1, ordering: .relaxed)
    }
    for slot in 0..<256 { slots.exchange(slot, nil)?.dispose() }
    let audits = state.audits.load(ordering: .relaxed)
    print("stress: \(audits) audits, \(state.failures.load(ordering: .relaxed)) failed operations")
    #expect(state.falseFindings.withLock { $0 } == [])
    #expect(state.failures.load(ordering: .relaxed) == 0)
    // The number of audits depends on the machine: an audit waits for the arena's lock, for which two threads compete
    // all the time.
    #expect(audits > 0)
    let books = try #require(try LeakAuditor.audit().arenas.first { $0.name == "stress" })
    #expect(books.live.count == 0 && books.difference == 0)
    #expect(books.buffers.created == state.created.load(ordering: .relaxed))
    #expect(books.buffers.created == books.buffers.disposed + books.buffers.rescued)
    try arena.destroy()
  }

  private final class State: Sendable {
    let finished = Atomic<Int>(0)
    let audits = Atomic<Int>(0)
    let created = Atomic<Int>(0)
    let failures = Atomic<Int>(0)
    let falseFindings = Guarded<[String]>([])
  }

  private static func auditAllTheWhile(_ state: State) {
    repeat {
      let start = ContinuousClock.now
      do {
        let report = try LeakAuditor.audit()
        let wrong = report.findings.filter { $0.arena == "stress" }.map { "\($0)" }
        if !wrong.isEmpty { state.falseFindings.withLock { $0 += wrong } }
        state.audits.add(1, ordering: .relaxed)
        // The slow path, which waits for the audit, gets its turn. Audits take long, because other tests make the
        // ledger long.
        usleep(
          2_000 + useconds_t(clamping: 4 * (ContinuousClock.now - start).components.attoseconds / 1_000_000_000_000))
      } catch {
        state.falseFindings.withLock { $0.append("the audit threw: \(error)") }
      }
    } while state.finished.load(ordering: .relaxed) < 2
  }

  /// One random step: creates a buffer, or disposes, drops or pins a buffer that some thread left in a slot.
  private static func step(
    _ arena: Arena, _ slots: SharedSlots<NativeBuffer>, _ generator: inout SeededGenerator, _ state: State
  ) {
    let random = generator.next()
    let slot = Int(random & 255)
    switch random >> 8 & 7 {
    case 0, 1, 2:
      do {
        let size = Int(random >> 16 & 0x3FFF)
        let buffer = try NativeBuffer(uninitializedByteCount: size, arena: arena)
        state.created.add(1, ordering: .relaxed)
        slots.exchange(slot, buffer)?.dispose()
      } catch {
        state.failures.add(1, ordering: .relaxed)
      }
    case 3: slots.exchange(slot, nil)?.dispose()
    case 4:
      // The buffer is disposed while it has a pin, so the end of the pin releases it.
      guard let buffer = slots.peek(slot), let pin = try? buffer.pin() else { return }
      buffer.dispose()
      if pin.byteCount < 0 { state.failures.add(1, ordering: .relaxed) }
    case 5 where random >> 40 & 15 == 0: _ = slots.exchange(slot, nil)  // dropped: a rescue
    default:
      guard let buffer = slots.peek(slot) else { return }
      if let pin = try? buffer.pin(), pin.byteCount != buffer.byteCount { state.failures.add(1, ordering: .relaxed) }
    }
  }
}
