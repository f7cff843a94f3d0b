// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import ResourceLedger
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Thread caches", .serialized)
struct ThreadCacheTests {
  /// Runs a closure on a thread of its own, with that thread's cache already made. An error is an issue.
  private func onOneThread(_ body: @escaping @Sendable (ThreadCache) throws -> Void) {
    onThreads(1) { _ in
      do {
        try NativeBuffer(uninitializedByteCount: 64).dispose()
        try body(#require(ThreadCaches.current()))
      } catch {
        Issue.record(error)
      }
    }
  }

  @Test("The next buffer of a size class gets the block that the thread returned last, with its entry")
  func reuse() {
    onOneThread { _ in
      for size in [1, 64, 1_000, 60_000, 524_288] {
        let first = try NativeBuffer(uninitializedByteCount: size)
        let entry = first.block.entry
        let address = entry.address
        first.dispose()
        let second = try NativeBuffer(uninitializedByteCount: size)
        #expect(second.block.entry == entry && entry.address == address, "size \(size)")
        #expect(entry.byteCount == size && entry.word.state == .live)
        second.dispose()
      }
    }
  }

  @Test(
    "Buffers of a large alignment use the same block again, and a block with a smaller alignment is not used for them")
  func reuseOfAligned() {
    onOneThread { _ in
      for alignment in [4_096, 128, 65_536] {
        let first = try NativeBuffer(uninitializedByteCount: 40_000, alignment: alignment)
        let entry = first.block.entry
        first.dispose()
        let second = try NativeBuffer(uninitializedByteCount: 40_000, alignment: alignment)
        #expect(second.block.entry == entry && entry.address % UInt(alignment) == 0, "alignment \(alignment)")
        second.dispose()
      }
      // The last one is on top of the list. A block of the usual alignment above it must not be given to a larger
      // alignment.
      let usual = try (0..<2).map { _ in try NativeBuffer(uninitializedByteCount: 40_000) }
      for buffer in usual { buffer.dispose() }
      let aligned = try NativeBuffer(uninitializedByteCount: 40_000, alignment: 65_536)
      #expect(aligned.block.entry.address % 65_536 == 0)
      aligned.dispose()
    }
  }

  @Test("A thread cache has a list for every size class up to 512 KiB, and for no larger one")
  func classes() {
    #expect(SizeClass.index(holding: ThreadCacheStorage.largestByteCount) == ThreadCacheStorage.binCount - 1)
  }

  @Test("Blocks of other arenas, large blocks and blocks of large alignments do not use the thread cache")
  func passing() throws {
    let arena = try Arena(name: "not cached")
    onOneThread { cache in
      let before = cache._roomByteCount
      try NativeBuffer(uninitializedByteCount: 64, arena: arena).dispose()
      try NativeBuffer(uninitializedByteCount: 524_289).dispose()
      try NativeBuffer(uninitializedByteCount: 3 << 20).dispose()
      let after = cache._roomByteCount
      #expect(after == before)
      cache._checkInvariants()
    }
    #expect(arena.trim() == 64)
    try arena.destroy()
  }

  @Test("A thread keeps no more bytes than its limit, and its counts agree with its lists after every step")
  func limit() {
    let seed = UInt64.random(in: 0 ... .max)
    print("thread cache: seed \(seed)")
    onOneThread { cache in
      var generator = SeededGenerator(seed: seed)
      var live: [NativeBuffer] = []
      for _ in 0..<20_000 {
        if live.count < 200, Bool.random(using: &generator) {
          let size = Int.random(in: 0...1 << Int.random(in: 0...19, using: &generator), using: &generator)
          live.append(try NativeBuffer(uninitializedByteCount: size))
        } else if !live.isEmpty {
          live.remove(at: Int.random(in: live.indices, using: &generator)).dispose()
        }
        let room = cache._roomByteCount
        #expect(room >= 0)
        cache._checkInvariants()
      }
      for buffer in live { buffer.dispose() }
      cache._checkInvariants()
    }
  }

  @Test("The next thread uses the blocks of a thread that has ended")
  func threadDeath() async {
    // This has a process of its own, so that no other thread takes the blocks in between.
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let addresses = Log<Set<UInt>>()
      for _ in 0..<2 {
        onThreads(1) { _ in
          let buffers = (0..<4).compactMap { _ in try? NativeBuffer(uninitializedByteCount: 300_000) }
          addresses.add(Set(buffers.map(\.block.entry.address)))
          for buffer in buffers { buffer.dispose() }
        }
      }
      #expect(addresses.all[0].count == 4)
      #expect(addresses.all[0] == addresses.all[1])
    }
  }

  @Test("If one thread creates and another disposes 100,000 buffers of 64 KiB, few blocks are needed")
  func producerConsumer() async {
    // This has a process of its own, in which nothing gives blocks back: what is left are all blocks that were made.
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let slots = SharedSlots<NativeBuffer>(count: 64)
      let isDone = Flag()
      let created = Counter()
      onThreads(2) { thread in
        if thread == 0 {
          for number in 0..<100_000 {
            guard let buffer = try? NativeBuffer(uninitializedByteCount: 65_536) else { continue }
            created.add()
            slots.exchange(number % 64, buffer)?.dispose()
          }
          isDone.set()
        } else {
          var slot = 0
          while !isDone.isSet {
            slots.exchange(slot % 64, nil)?.dispose()
            slot += 1
          }
        }
      }
      for slot in 0..<64 { slots.exchange(slot, nil)?.dispose() }
      #expect(created.value == 100_000)
      // There are 64 blocks in slots, 2 in the threads' hands, 32 in each thread's cache and one more while a cache
      // gives some back, and batches of 8 on their way.
      let made = try Arena.shared.counts().count
      #expect(made <= 64 + 2 + 2 * 33 + 4 * 8)
    }
  }

  @Test("The shared arena cannot be destroyed")
  func sharedArena() {
    #expect(throws: ArenaError(.sharedArena, arena: "shared")) { try Arena.shared.destroy() }
  }
}
