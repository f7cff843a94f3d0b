// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeSynchronization
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

// Each test runs in a process of its own and makes passes itself, at times of its choice, so no test waits.

@Suite("Maintenance")
struct MaintenanceTests {
  private static let second: UInt64 = 1_000_000_000

  /// Blocks that the allocator counts.
  private static func blockCount(_ arena: Arena) -> Int { (try? arena.counts().count) ?? -1 }

  private static func buffers(_ count: Int, of byteCount: Int, in arena: Arena?) -> [NativeBuffer] {
    (0..<count).compactMap { _ in try? NativeBuffer(uninitializedByteCount: byteCount, arena: arena) }
  }

  private static func leaveIdle(_ count: Int, of byteCount: Int, in arena: Arena?) {
    for buffer in buffers(count, of: byteCount, in: arena) { buffer.dispose() }
  }

  @Test("An idle block is given back after its idle time, not before half of it, and then there is nothing left to do")
  func age() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "age")
      Self.leaveIdle(3, of: 3 << 20, in: arena)
      #expect(Maintenance.callsByHand.load(ordering: .relaxed) > 0)
      #expect(Maintenance.pass(at: 0) == 5 * Self.second)
      #expect(Maintenance.pass(at: 5 * Self.second - 1) == 5 * Self.second)
      #expect(Maintenance.pass(at: 5 * Self.second) == 10 * Self.second)
      #expect(Self.blockCount(arena) == 3)
      // Their pages waited with them, so they are given back with them.
      #expect(Maintenance.pass(at: 10 * Self.second) == nil)
      #expect(Self.blockCount(arena) == 0)
      #expect(try arena.counts().dirty == 0)
      arena._checkInvariants()
      try arena.destroy()
    }
  }

  @Test("Maintenance keeps the idle blocks that are used again and again, and gives back those that were not needed")
  func workingSet() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "working set")
      Self.leaveIdle(8, of: 3 << 20, in: arena)
      Self.leaveIdle(8, of: 100_000, in: nil)
      var due: UInt64? = Maintenance.pass(at: 0)
      for round in 1...4 {
        // Two blocks of each size are used, again and again.
        Self.leaveIdle(2, of: 3 << 20, in: arena)
        Self.leaveIdle(2, of: 100_000, in: nil)
        due = Maintenance.pass(at: UInt64(round) * 5 * Self.second)
      }
      #expect(due != nil)
      #expect(Self.blockCount(arena) == 2)
      #expect(Self.blockCount(.shared) == 2)
      Self.leaveIdle(2, of: 3 << 20, in: arena)
      #expect(Self.blockCount(arena) == 2, "they were used again")
    }
  }

  @Test("A thread that uses one block again and again does not call maintenance each time")
  func steadyUse() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "steady")
      Self.leaveIdle(1, of: 3 << 20, in: arena)
      _ = Maintenance.pass(at: 0)
      let calls = Maintenance.callsByHand.load(ordering: .relaxed)
      for step in 1...100 {
        let buffer = try NativeBuffer(uninitializedByteCount: 3 << 20, arena: arena)
        // This happens while nothing is idle.
        _ = Maintenance.pass(at: UInt64(step))
        buffer.dispose()
      }
      #expect(Maintenance.callsByHand.load(ordering: .relaxed) == calls)
    }
  }

  @Test("If a thread has just left an idle block, maintenance does not end its searches in the arena")
  func searchesGoOn() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "searches")
      Self.leaveIdle(1, of: 3 << 20, in: arena)
      // The thread that left the block has called already, and will not call again.
      #expect(!arena.depot.needsCall)
      arena.endSearches()
      #expect(!arena.depot.needsCall)
      #expect(arena.trim() == 3 << 20)
      arena.endSearches()
      #expect(arena.depot.needsCall)
      try arena.destroy()
    }
  }

  @Test("Disposing a block beyond the limit does not take the arena's lock; the next pass gives the block back")
  func blocksBeyondLimit() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "beyond", configuration: .init(idleByteLimit: 64 << 20))
      let live = Self.buffers(73, of: 1 << 20, in: arena)
      ProcessTimeLimit.set(seconds: 20)
      arena.lock.withLock { for buffer in live { buffer.dispose() } }
      ProcessTimeLimit.lift()
      // The bound is an eighth of the limit, and one block.
      #expect(arena.depot.debt == 9 << 20)
      #expect(Self.blockCount(arena) == 73)
      _ = Maintenance.pass(at: 0)
      #expect(Self.blockCount(arena) == 64)
      #expect(arena.depot.debt == 0)
      #expect(arena.trim() == 64 << 20)
      try arena.destroy()
    }
  }

  @Test("The number of blocks beyond the limit is bounded: a thread that disposes more of them gives them back itself")
  func countBeyondLimit() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let kept = 16_384
      let arena = try Arena(name: "bound", configuration: .init(idleByteLimit: kept * 64))
      let live = Self.buffers(kept + Depot.blockCountBeyondLimit + 100, of: 64, in: arena)
      for buffer in live { buffer.dispose() }
      #expect(Self.blockCount(arena) == kept + Depot.blockCountBeyondLimit)
      #expect(arena.depot.debt == Depot.blockCountBeyondLimit * 64, "what was refused does not count")
      #expect(arena.trim() == (kept + Depot.blockCountBeyondLimit) * 64)
      #expect(arena.depot.debt == 0)
      arena._checkInvariants()
      try arena.destroy()
    }
  }

  @Test(
    "When maintenance is turned off, no block beyond the limit is left, also in an arena that it has never looked at")
  func turnedOffWithDebt() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "never seen", configuration: .init(idleByteLimit: 0))
      Self.leaveIdle(3, of: 1 << 20, in: arena)
      #expect(Self.blockCount(arena) == 1)
      MaintenanceThread.turnOff()
      #expect(Self.blockCount(arena) == 0)
      try arena.destroy()
    }
  }

  @Test(
    "While maintenance is on, jemalloc keeps unused pages; when it is turned off, jemalloc uses the arena's decay time")
  func decayAfterwards() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "decay", configuration: .init(dirtyDecay: .milliseconds(1_234)))
      let key = "arena.\(arena.index).dirty_decay_ms"
      Self.leaveIdle(1, of: 3 << 20, in: arena)
      #expect(try Mallctl.read(key, as: ssize_t.self) == 1_234)
      _ = Maintenance.pass(at: 0)
      #expect(try Mallctl.read(key, as: ssize_t.self) == -1)
      MaintenanceThread.turnOff()
      #expect(try Mallctl.read(key, as: ssize_t.self) == 1_234)
      try arena.destroy()
    }
  }

  @Test("trim(keeping:) gives back large blocks first, so that as many blocks as possible stay")
  func largeBlocksFirst() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "large first")
      Self.leaveIdle(16, of: 64 << 10, in: arena)
      Self.leaveIdle(1, of: 8 << 20, in: arena)
      #expect(arena.trim(keeping: 1 << 20) == 8 << 20)
      #expect(Self.blockCount(arena) == 16)
      arena.trim()
      try arena.destroy()
    }
  }

  @Test("trim(keeping:) counts the blocks that the calling thread keeps for itself, and gives them back, too")
  func trimOfOwnCache() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      Self.leaveIdle(4, of: 320 << 10, in: nil)
      #expect(Arena.shared.depot.idleByteCount == 0, "the thread keeps them")
      #expect(Arena.shared.trim(keeping: 640 << 10) == 640 << 10)
      #expect(Arena.shared.depot.idleByteCount == 640 << 10)
    }
  }

  @Test("The longest times that a configuration allows do not overflow")
  func longTimes() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let longest = Duration.seconds(10_000_000_000)
      let arena = try Arena(name: "for ever", configuration: .init(dirtyDecay: longest, idleTime: longest))
      Self.leaveIdle(1, of: 3 << 20, in: arena)
      #expect(Maintenance.pass(at: 1 << 62) != nil)
      #expect(arena.trim() == 3 << 20)
      #expect(Maintenance.pass(at: 1 << 62) != nil, "unused pages wait")
      try arena.destroy()
    }
  }

  @Test("A request that no machine can fill frees no idle block")
  func absurdRequest() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "absurd")
      Self.leaveIdle(1, of: 3 << 20, in: arena)
      #expect(throws: NativeBufferError.self) { try NativeBuffer(uninitializedByteCount: 1 << 60, arena: arena) }
      #expect(Self.blockCount(arena) == 1)
    }
  }

  @Test("Unused pages are given back after the decay time")
  func dirtyPages() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "pages", configuration: .init(dirtyDecay: .seconds(3), idleByteLimit: 0))
      try NativeBuffer(byteCount: 8 << 20, arena: arena).dispose()
      #expect(Maintenance.pass(at: Self.second) == 4 * Self.second)
      #expect(try arena.counts().dirty > 8_000_000)
      #expect(Maintenance.pass(at: 4 * Self.second - 1) == 4 * Self.second)
      #expect(try arena.counts().dirty > 8_000_000)
      _ = Maintenance.pass(at: 4 * Self.second)
      #expect(try arena.counts().dirty == 0)
      // Pages are also noticed if they were not left by a dispose().
      let calls = Maintenance.callsByHand.load(ordering: .relaxed)
      let raw = unsafe try arena.unsafeAllocate(byteCount: 1 << 20)
      unsafe arena.unsafeDeallocate(raw)
      #expect(Maintenance.callsByHand.load(ordering: .relaxed) > calls)
      _ = Maintenance.pass(at: 5 * Self.second)
      _ = Maintenance.pass(at: 8 * Self.second)
      #expect(try arena.counts().dirty == 0)
      try arena.destroy()
    }
  }

  @Test("Both times can be set to never, and the idle time also to zero")
  func extremes() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let forever = try Arena(name: "forever", configuration: .init(dirtyDecay: nil, idleTime: nil))
      let never = try Arena(name: "never", configuration: .init(idleTime: .zero))
      for arena in [forever, never] { Self.leaveIdle(3, of: 3 << 20, in: arena) }
      for round in 0..<4 { _ = Maintenance.pass(at: UInt64(round) * 1_000 * Self.second) }
      #expect(Maintenance.pass(at: 4_000 * Self.second) == nil)
      #expect(Self.blockCount(forever) == 3)
      #expect(Self.blockCount(never) == 0)
      try forever.destroy()
      try never.destroy()
    }
  }

  @Test(
    "If a thread sleeps, its idle blocks are given back; later it finds its cache again and calls maintenance again")
  func otherThreads() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let turn = Turn()
      onThreads(2) { thread in
        if thread == 0 {
          Self.leaveIdle(20, of: 64, in: nil)
          Self.leaveIdle(3, of: 300_000, in: nil)
          turn.pass(to: 1)
          turn.wait(for: 0)
          let calls = Maintenance.callsByHand.load(ordering: .relaxed)
          Self.leaveIdle(20, of: 64, in: nil)
          #expect(Maintenance.callsByHand.load(ordering: .relaxed) > calls)
          ThreadCaches.current()?._checkInvariants()
          #expect(Self.blockCount(.shared) == 20)
        } else {
          turn.wait(for: 1)
          #expect(Self.blockCount(.shared) == 23)
          for step in 0...2 { _ = Maintenance.pass(at: UInt64(step) * 5 * Self.second) }
          #expect(Self.blockCount(.shared) == 0)
          #expect(ThreadCaches.attachedCount == 0)
          #expect(Maintenance.pass(at: 20 * Self.second) == nil)
          turn.pass(to: 0)
        }
      }
    }
  }

  @Test("A parked thread that only disposes keeps the blocks, and calls maintenance again")
  func disposeAfterParking() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let live = Self.buffers(5, of: 1_000, in: nil)
      for step in 0...2 { _ = Maintenance.pass(at: UInt64(step) * 5 * Self.second) }
      #expect(ThreadCaches.attachedCount == 0)
      for buffer in live { buffer.dispose() }
      #expect(ThreadCaches.attachedCount == 1)
      #expect(Arena.shared.depot.idleByteCount == 0)
      for step in 4...6 { _ = Maintenance.pass(at: UInt64(step) * 5 * Self.second) }
      #expect(Self.blockCount(.shared) == 0)
    }
  }

  @Test("If a parked thread disposes a block that is too large for thread caches, the block goes to the depot")
  func disposeLargeAfterParking() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      Self.leaveIdle(1, of: 64, in: nil)
      let large = Self.buffers(1, of: ThreadCacheStorage.largestByteCount + 1, in: nil)
      for step in 0...2 { _ = Maintenance.pass(at: UInt64(step) * 5 * Self.second) }
      #expect(ThreadCaches.attachedCount == 0)
      for buffer in large { buffer.dispose() }
      #expect(Arena.shared.depot.idleByteCount == 640 << 10)
      #expect(ThreadCaches.attachedCount == 0)
      ThreadCaches.current()?._checkInvariants()
    }
  }

  @Test("If the kernel refuses membarrier, a thread gives its own unused blocks back when it uses its cache again")
  func withoutBarrier() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      ThreadCaches.isBarrierRefused.store(true, ordering: .relaxed)
      Self.leaveIdle(10, of: 1_000, in: nil)
      for step in 0...6 { _ = Maintenance.pass(at: UInt64(step) * 5 * Self.second) }
      #expect(Self.blockCount(.shared) == 10, "only their own thread may touch them")
      #expect(Maintenance.pass(at: 40 * Self.second) == nil, "no thread wakes up for them")
      // The first pass sees them, and the second one finds that they were not used.
      for step in 9...11 {
        Self.leaveIdle(1, of: 64, in: nil)
        _ = Maintenance.pass(at: UInt64(step) * 5 * Self.second)
      }
      Self.leaveIdle(1, of: 64, in: nil)
      #expect(Self.blockCount(.shared) <= 1)
      ThreadCaches.current()?._checkInvariants()
    }
  }

  @Test("trim() empties the caches of all threads, also if maintenance is turned off")
  func trimOthers() async {
    await #expect(processExitsWith: .success) {
      MaintenanceThread.turnOff()
      let turn = Turn()
      onThreads(2) { thread in
        if thread == 0 {
          Self.leaveIdle(20, of: 64, in: nil)
          turn.pass(to: 1)
          turn.wait(for: 0)
          Self.leaveIdle(1, of: 64, in: nil)
        } else {
          turn.wait(for: 1)
          #expect(Arena.shared.trim() == 20 * 64)
          #expect(Self.blockCount(.shared) == 0)
          turn.pass(to: 0)
        }
      }
    }
  }

  /// Says which of two threads may run.
  private final class Turn: Sendable {
    private let owner = Atomic(0)
    func pass(to thread: Int) { owner.store(thread, ordering: .releasing) }
    func wait(for thread: Int) { while owner.load(ordering: .acquiring) != thread { sched_yield() } }
  }
}
