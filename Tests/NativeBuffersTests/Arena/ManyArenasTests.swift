// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Testing

@testable import NativeBuffers

// Each test runs in a process of its own, because the tests are about what jemalloc keeps for all arenas together.

@Suite("Many arenas")
struct ManyArenasTests {
  /// How often jemalloc added up its statistics. It does so for all arenas of the process at once.
  private static var refreshCount: UInt64 { (try? Mallctl.read("epoch")) ?? 0 }

  @Test("Destroying an empty arena does not add up the statistics of the other arenas")
  func destroying() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "used and emptied")
      let pointer = unsafe try arena.unsafeAllocate(byteCount: 1_000)
      #expect(throws: ArenaError(.blocksLive(count: 1, byteCount: 1_024), arena: "used and emptied")) {
        try arena.destroy()
      }
      unsafe arena.unsafeDeallocate(pointer)
      let before = Self.refreshCount
      try arena.destroy()
      #expect(Self.refreshCount == before)
    }
  }

  @Test(
    "Blocks of a size that the library never requested are counted, too",
    .enabled(if: MallocCapture.isAvailable, "needs jemalloc's malloc, as LD_PRELOAD=libjemalloc.so.2 gives it"))
  func unlikelySize() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "foreign")
      let own = unsafe try arena.unsafeAllocate(byteCount: 100)
      let outer: UInt32 = try Mallctl.read("thread.arena")
      try Mallctl.write("thread.tcache.enabled", false)
      try Mallctl.write("thread.arena", arena.index)
      let foreign = unsafe malloc(5_000)
      try Mallctl.write("thread.arena", outer)
      let counts = try arena.counts()
      #expect(counts.count == 2 && counts.byteCount == 128 + 5_120)
      #expect(counts.liveCounts[SizeClass.index(holding: 5_000)] == 1)
      unsafe free(foreign)
      #expect(try arena.counts().count == 1)
      unsafe arena.unsafeDeallocate(own)
      try arena.destroy()
    }
  }

  @Test("jemalloc's limit of arenas includes dropped ones; an error refuses the next one until an arena is destroyed")
  func exhaustion() async {
    await #expect(processExitsWith: .success) {
      var arenas: [Arena] = []
      var refusal: ArenaError?
      var droppedCount = 0
      do throws(ArenaError) {
        while true {
          arenas.append(try Arena(name: "one of many"))
          _ = try Arena(name: "one of many")
          droppedCount += 1
        }
      } catch { refusal = error }
      #expect(refusal == ArenaError(.tooManyArenas(count: 4_095), arena: "one of many"))
      #expect(droppedCount > 1_900)
      let text = String(describing: refusal)
      #expect(text.contains("Those count, too, whose last reference was dropped: only destroy() ends an arena"))
      #expect(text.contains("Destroy arenas that are no longer needed"))
      try arenas.removeLast().destroy()
      arenas.append(try Arena(name: "in its place"))
    }
  }
}
