// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Foundation
import NativeSynchronization
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

// Beyond `idleByteLimit`, an arena has at most an eighth of it and one block idle, whatever maintenance does, and
// nothing while maintenance is turned off. Each test runs in a process of its own, in which the test makes the passes.

@Suite("How much memory may be idle")
struct IdleBoundTests {
  /// The bytes of idle blocks, as the ledger counts them.
  private static func idleByteCount(_ arena: Arena) -> Int {
    let totals = Ledger.shared.totals(of: [arena.domain.number], bucketCount: SizeClass.count)[0].sums
    return Int(totals.reduce(0) { $0 + $1.idleCapacity })
  }

  private static let limits = [0, 1 << 20, 32 << 20]
  private static let largest = 8 << 20

  /// Creates and disposes buffers of random sizes, many more than the limit allows to keep.
  private static func churn(_ arena: Arena, generator: inout SeededGenerator, each: () -> Void) throws {
    var live: [NativeBuffer] = []
    for _ in 0..<400 {
      if Bool.random(using: &generator) || live.isEmpty {
        let byteCount = Int.random(in: 1...(1 << Int.random(in: 0...23, using: &generator)), using: &generator)
        live.append(try NativeBuffer(uninitializedByteCount: byteCount, arena: arena))
      } else {
        live.remove(at: Int.random(in: live.indices, using: &generator)).dispose()
      }
      each()
    }
    for buffer in live {
      buffer.dispose()
      each()
    }
  }

  @Test("If maintenance is called but does not run, idle memory is within its bound after every operation")
  func afterEachOperation() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let seed = UInt64.random(in: 0...UInt64.max)
      var generator = SeededGenerator(seed: seed)
      for limit in Self.limits {
        let arena = try Arena(name: "bound", configuration: .init(idleByteLimit: limit))
        var most = 0
        try Self.churn(arena, generator: &generator) { most = max(most, Self.idleByteCount(arena)) }
        #expect(most <= limit + limit / 8 + Self.largest, "limit \(limit), seed \(seed)")
        arena._checkInvariants()
        // The pass brings the idle memory back to the limit.
        _ = Maintenance.pass(at: 0)
        #expect(Self.idleByteCount(arena) <= limit)
        arena.trim()
        try arena.destroy()
      }
    }
  }

  @Test("If maintenance is turned off, idle memory never exceeds the limit")
  func turnedOff() async {
    await #expect(processExitsWith: .success) {
      MaintenanceThread.turnOff()
      let seed = UInt64.random(in: 0...UInt64.max)
      var generator = SeededGenerator(seed: seed)
      for limit in Self.limits {
        let arena = try Arena(name: "bound", configuration: .init(idleByteLimit: limit))
        var most = 0
        try Self.churn(arena, generator: &generator) { most = max(most, Self.idleByteCount(arena)) }
        #expect(most <= limit, "limit \(limit), seed \(seed)")
        try arena.destroy()
      }
    }
  }

  @Test("After several threads have disposed at the same time, idle memory is within its bound without maintenance")
  func severalThreads() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      for limit in Self.limits {
        let arena = try Arena(name: "bound", configuration: .init(idleByteLimit: limit))
        for byteCount in [4_096, 1 << 20, Self.largest] {
          onThreads(4) { _ in
            let live = (0..<20).compactMap { _ in try? NativeBuffer(uninitializedByteCount: byteCount, arena: arena) }
            for buffer in live { buffer.dispose() }
          }
          #expect(Self.idleByteCount(arena) <= limit + limit / 8 + Self.largest, "limit \(limit)")
        }
        _ = Maintenance.pass(at: 0)
        #expect(Self.idleByteCount(arena) <= limit)
        try arena.destroy()
      }
    }
  }

  @Test("A thread can use room that another thread does not use, and the limit can be filled to the last byte")
  func roomOfOtherThreads() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "room", configuration: .init(idleByteLimit: 4 << 20))
      let live = try (0..<6).map { _ in try NativeBuffer(uninitializedByteCount: 1 << 20, arena: arena) }
      let kept = Guarded<NativeBuffer?>(nil)
      let numbers = Guarded<[UInt32]>([])
      let isPrepared = DispatchSemaphore(value: 0)
      onThreads(2) { thread in
        numbers.withLock { $0.append(UInt32(cnativeruntime_number())) }
        if thread == 0 {
          // The block is in use again, and the thread's stripe keeps the room that it had set aside for the block.
          live[0].dispose()
          let again = try? NativeBuffer(uninitializedByteCount: 1 << 20, arena: arena)
          kept.withLock { $0 = again }
          isPrepared.signal()
        } else {
          isPrepared.wait()
          for buffer in live[1...4] { buffer.dispose() }
        }
      }
      #expect(Set(numbers.withLock { $0.map { $0 & 1 } }).count == 2, "two stripes")
      #expect(arena.depot.debt == 0)
      #expect(arena.depot.idleByteCount == 4 << 20)
      live[5].dispose()
      #expect(arena.depot.debt == 1 << 20, "the limit is full")
      #expect(arena.depot.idleByteCount == 5 << 20)
      kept.withLock { _ = $0?.dispose() }
      arena._checkInvariants()
      arena.trim()
      try arena.destroy()
    }
  }

  @Test("If a debt cannot be paid because another thread is pushing the block, the next push calls maintenance")
  func debtInHands() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "hands", configuration: .init(idleByteLimit: 0))
      let depot = arena.depot
      // A thread is pushing a block: it has found room for it, and has not put it on its list.
      unsafe depot.room(1).pointee.subtract(4_096, ordering: .relaxed)
      #expect(depot.findRoom(1, blockByteCount: 4_096))
      #expect(depot.debt == 4_096 && depot.needsCall)
      // Another thread has called maintenance for the debt.
      depot.callMaintenance()
      #expect(!depot.needsCall)
      #expect(arena.payDebt() == 0)
      #expect(depot.debt == 4_096 && depot.needsCall)
      // The first thread goes on: the block is on its list, and was taken again. So the debt can be paid with its room.
      unsafe depot.room(1).pointee.add(4_096, ordering: .relaxed)
      #expect(arena.payDebt() == 0)
      #expect(depot.debt == 0 && depot.idleByteCount == 0)
      arena._checkInvariants()
      try arena.destroy()
    }
  }

  @Test("Idle memory beyond the limit is given back, even while a client's purge makes maintenance wait")
  func duringLongWork() async {
    await #expect(processExitsWith: .success) {
      let limit = 16 << 20
      let arena = try Arena(name: "long work", configuration: .init(idleByteLimit: limit))
      let live = try (0..<40).map { _ in try NativeBuffer(uninitializedByteCount: 1 << 20, arena: arena) }
      // A purge holds this lock for as long as it takes.
      Maintenance.workLock.withLock {
        for buffer in live[..<20] { buffer.dispose() }
        ThreadStatus.wait("what is beyond the limit") { Self.idleByteCount(arena) <= limit }
        // The maintenance thread now waits for the purge. A thread that disposes a block does not wait for the
        // maintenance thread.
        ThreadStatus.wait("the thread waiting") { !Maintenance.acceptsDebts }
        for buffer in live[20...] {
          buffer.dispose()
          #expect(Self.idleByteCount(arena) <= limit)
        }
      }
      ThreadStatus.wait("the thread accepting debts") { Maintenance.acceptsDebts }
      arena.trim()
      try arena.destroy()
    }
  }
}
