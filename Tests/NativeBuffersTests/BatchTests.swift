// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

/// Blocks that are passed between threads. Tests/Models/free-list.pml models the same, over all interleavings.
@Suite("Batches")
struct BatchTests {
  /// A small number if a sanitizer makes each step slow.
  private static let operations = TestLength.choose(short: 5_000, 25_000, long: 60_000)

  @Test("If three threads pass blocks on in batches of two, no block has two owners, and none is lost")
  func batchesOfTwo() async {
    let seed = UInt64.random(in: 0 ... .max)
    print("batches: seed \(seed)")
    // This has a process of its own, because the largest batch is the process's.
    await #expect(processExitsWith: .success) { [seed = seed as UInt64] in Self.passOn(seed) }
  }

  private static func passOn(_ seed: UInt64) {
    ThreadCache.largestBatch.store(2, ordering: .relaxed)
    let slots = SharedSlots<Owned>(count: 64)
    let stolen = Counter()
    let failed = Counter()
    let owners = Counter()
    onThreads(3) { thread in
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      for _ in 0..<operations {
        // There are few size classes, and large ones: some blocks fill a thread's 2 MiB, and all others are passed on.
        let size = 1 << Int.random(in: 15...18, using: &generator)
        let owner = owners.add() + 1
        guard let buffer = try? NativeBuffer(uninitializedByteCount: size) else {
          failed.add()
          continue
        }
        let owned = Owned(buffer: buffer, owner: owner)
        owned.mark()
        let slot = Int.random(in: 0..<64, using: &generator)
        guard let former = slots.exchange(slot, owned) else { continue }
        if !former.isStillMarked { stolen.add() }
        former.buffer.dispose()
        ThreadCaches.withCurrent { $0._checkInvariants() }
      }
    }
    for slot in 0..<64 {
      guard let last = slots.exchange(slot, nil) else { continue }
      if !last.isStillMarked { stolen.add() }
      last.buffer.dispose()
    }
    #expect(stolen.value == 0)
    #expect(failed.value == 0)
  }

  /// A buffer whose first bytes say which thread made it.
  private final class Owned: Sendable {
    let buffer: NativeBuffer
    let owner: Int

    init(buffer: NativeBuffer, owner: Int) {
      self.buffer = buffer
      self.owner = owner
    }

    func mark() { unsafe try? buffer.withUnsafeMutableBytes { unsafe $0.seenNumber = owner } }

    var isStillMarked: Bool { (unsafe try? buffer.withUnsafeBytes { unsafe $0.seenNumber }) == owner }
  }

  @Test("A batch has blocks of one alignment only, so a block from the depot has the alignment that was asked for")
  func batchesOfOneAlignment() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let (byteCount, alignment) = (40_000, 65_536)
      onThreads(1) { _ in
        do {
          let usual = try (0..<6).map { _ in try NativeBuffer(uninitializedByteCount: byteCount) }
          let aligned = try (0..<6).map { _ in
            try NativeBuffer(uninitializedByteCount: byteCount, alignment: alignment)
          }
          // In the thread's list, the two kinds alternate. All of them together would fit into one batch.
          for (first, second) in zip(usual, aligned) {
            first.dispose()
            second.dispose()
          }
          ThreadCaches.withCurrent { $0.empty(into: .shared) }
          let buffers = try (0..<12).map { _ in
            try NativeBuffer(uninitializedByteCount: byteCount, alignment: alignment)
          }
          let misaligned = buffers.filter { $0.block.entry.address % UInt(alignment) != 0 }
          #expect(misaligned.isEmpty, "\(misaligned.count) of 12")
          for buffer in buffers { buffer.dispose() }
          ThreadCaches.withCurrent { $0.empty(into: .shared) }
          Arena.shared._checkInvariants()
        } catch {
          Issue.record(error)
        }
      }
    }
  }

  @Test("After every step of a random walk the depot's lists, the ledger and jemalloc agree")
  func walkOverOneArena() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("depot walk: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let arena = try Arena(name: "walk", configuration: .init(idleByteLimit: 4 << 20))
    var live: [NativeBuffer] = []
    var compared = 0
    for step in 0..<1_500 {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0..<4 where live.count < 100:
        let size = Int.random(in: 0...1 << Int.random(in: 0...21, using: &generator), using: &generator)
        let alignment = 1 << Int.random(in: 0...13, using: &generator)
        live.append(try NativeBuffer(uninitializedByteCount: size, alignment: alignment, arena: arena))
      case 4..<7 where !live.isEmpty:
        live.remove(at: Int.random(in: live.indices, using: &generator)).dispose()
      case 7 where step % 5 == 0: arena.trim(keeping: Int.random(in: 0...2 << 20, using: &generator))
      default: break
      }
      arena._checkInvariants()
      // The maintenance thread may give a block beyond the limit back meanwhile, so only numbers that did not change
      // are compared.
      let before = counts(of: arena)
      let census = try arena.census().count
      let after = counts(of: arena)
      #expect(before.live == live.count, "seed \(seed), step \(step)")
      if before.all == after.all {
        #expect(census == before.all, "seed \(seed), step \(step)")
        compared += 1
      }
    }
    for buffer in live { buffer.dispose() }
    arena.trim(keeping: 0)
    try arena.destroy()
    #expect(compared > 1_000)
  }

  private func counts(of arena: Arena) -> (live: Int, all: Int) {
    let totals = Ledger.shared.totals(of: [arena.domain.number], bucketCount: SizeClass.count)[0].sums
    return (totals.reduce(0) { $0 + $1.liveCount }, totals.reduce(0) { $0 + $1.count })
  }
}
