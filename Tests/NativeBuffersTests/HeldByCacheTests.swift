// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("The mark of a buffer that a cache holds")
struct HeldByCacheTests {
  private func isMarked(_ buffer: NativeBuffer) -> Bool { buffer.block.entry.word.isHeldByCache }

  @Test("The mark disturbs no pin, no access, no dispose and no detach, and none of these waits for it")
  func besideAccess() throws {
    let buffer = try NativeBuffer(byteCount: 64)
    buffer.setHeldByCache(true)
    #expect(isMarked(buffer) && !buffer.isDisposed && !buffer.isPinned)
    try buffer.withMutableBytes { _ in
      buffer.setHeldByCache(false)
      #expect(!isMarked(buffer))
      buffer.setHeldByCache(true)
      #expect(throws: NativeBufferError.self) { _ = try buffer.pin() }
    }
    do {
      let pin = try buffer.pin()
      buffer.setHeldByCache(false)
      #expect(throws: NativeBufferError.self) { _ = try buffer.pinMutable() }
      buffer.setHeldByCache(true)
      #expect(pin.byteCount == 64)
    }
    _ = try buffer.pinMutable()
    let memory = unsafe try buffer.unsafeDetach()
    #expect(buffer.isDisposed && !isMarked(buffer))
    buffer.setHeldByCache(true)
    #expect(!isMarked(buffer))
    unsafe memory.release()
  }

  @Test("The mark ends with the life, also if a pin outlives the dispose", arguments: [64, 1 << 20, 4 << 20])
  func endsWithLife(byteCount: Int) throws {
    let buffer = try NativeBuffer(byteCount: byteCount)
    buffer.setHeldByCache(true)
    do {
      let pin = try buffer.pin()
      #expect(buffer.dispose())
      #expect(isMarked(buffer))
      buffer.setHeldByCache(false)
      #expect(!isMarked(buffer))
      buffer.setHeldByCache(true)
      #expect(isMarked(buffer) && pin.byteCount == byteCount)
    }
    #expect(!isMarked(buffer) && !buffer.block.entry.word.isReleaseRequested)
    let next = try NativeBuffer(byteCount: byteCount)
    buffer.setHeldByCache(true)
    #expect(!isMarked(next))
    next.dispose()
  }

  @Test("A unique buffer keeps its mark when it is shared, and releases its memory with it")
  func unique() throws {
    let buffer = try UniqueBuffer(byteCount: 64)
    buffer.setHeldByCache(true)
    let shared = buffer.share()
    #expect(isMarked(shared))
    #expect(shared.dispose() && !isMarked(shared))
    let other = try UniqueBuffer(byteCount: 64)
    other.setHeldByCache(true)
    let entry = other.block.entry
    other.dispose()
    #expect(!entry.word.isHeldByCache)
  }

  @Test("If threads mark a buffer while another one changes and disposes it, nothing fails, and the next is unmarked")
  func race() throws {
    let arena = try Arena(name: "mark race")
    let failures = Counter()
    for _ in 0..<1_000 {
      let buffer = try NativeBuffer(byteCount: 64, arena: arena)
      onThreads(2) { thread in
        if thread == 0 {
          for step in 0..<20 { buffer.setHeldByCache(step % 2 == 0) }
        } else {
          for _ in 0..<5 where (try? buffer.withMutableBytes { _ in true }) != true { failures.add() }
          if !buffer.dispose() { failures.add() }
          if let next = try? NativeBuffer(byteCount: 64, arena: arena) {
            if next.block.entry.word.isHeldByCache || !next.dispose() { failures.add() }
          }
        }
      }
    }
    #expect(failures.value == 0)
    arena._checkInvariants()
    try arena.destroy()
  }
}
