// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import NativeBuffers

/// What pins and releases order between threads. A missing order is found by ThreadSanitizer (`.ci/thread-sanitizer`),
/// which must see no other order between the threads than that of the tested step. So the threads learn by relaxed
/// flags when it is their turn, and they use the bytes through typed pointers, which ThreadSanitizer sees. It does not
/// see the bytes behind a `RawSpan`.
@Suite("What one thread did with the bytes is over before another thread's turn")
struct MemoryOrderTests {
  /// Calls a closure with a buffer, again and again. Each buffer is the only one of its arena, so the next buffer of the
  /// arena gets its block.
  private static func eachRound(_ body: (NativeBuffer, Arena) -> Void) throws {
    for _ in 0..<10 {
      let arena = try Arena(name: "memory order")
      let buffer = try NativeBuffer(byteCount: 64, arena: arena)
      body(buffer, arena)
      buffer.dispose()
      try arena.destroy()
    }
  }

  /// Runs a closure on one thread and then, on another thread, a second one.
  private static func inTurn(_ first: @escaping @Sendable () -> Void, then second: @escaping @Sendable () -> Void) {
    let isDone = Flag()
    onThreads(2) { thread in
      if thread == 0 {
        first()
        isDone.set()
      } else {
        isDone.wait()
        second()
      }
    }
  }

  private static func write(_ buffer: NativeBuffer) {
    unsafe try? buffer.withUnsafeMutableBytes { bytes in unsafe bytes.seenNumber = 7 }
  }

  private static func read(_ buffer: NativeBuffer) -> Int {
    (unsafe try? buffer.withUnsafeBytes { bytes in unsafe bytes.seenNumber }) ?? -1
  }

  /// Takes the block that was released, for a new buffer, and writes to it.
  private static func useBlockAgain(of former: NativeBuffer, _ arena: Arena) {
    guard let next = try? NativeBuffer(uninitializedByteCount: 64, arena: arena) else { return }
    #expect(next.block.entry == former.block.entry, "the block is used again")
    write(next)
    next.dispose()
  }

  @Test("A shared pin comes after the exclusive one that ended before it")
  func exclusiveThenShared() throws {
    try Self.eachRound { buffer, _ in
      Self.inTurn {
        Self.write(buffer)
      } then: {
        #expect(Self.read(buffer) == 7)
      }
    }
  }

  @Test("An exclusive pin comes after the shared one that ended before it")
  func sharedThenExclusive() throws {
    try Self.eachRound { buffer, _ in
      Self.inTurn {
        #expect(Self.read(buffer) == 0)
      } then: {
        Self.write(buffer)
      }
    }
  }

  @Test("A release comes after the pin that ended before it")
  func sharedThenRelease() throws { try Self.eachRound(Self.releaseAfterPin) }

  private static func releaseAfterPin(_ buffer: NativeBuffer, _ arena: Arena) {
    inTurn {
      #expect(read(buffer) == 0)
    } then: {
      #expect(buffer.dispose())
      useBlockAgain(of: buffer, arena)
    }
  }

  @Test("The end of the last pin, which releases the block, comes after the ends of the other pins")
  func sharedThenLast() throws { try Self.eachRound(Self.releaseByLastPin) }

  private static func releaseByLastPin(_ buffer: NativeBuffer, _ arena: Arena) {
    let (isPinned, isDisposed, isRead) = (Flag(), Flag(), Flag())
    onThreads(2) { thread in
      if thread == 0 {
        unsafe try? buffer.withUnsafeBytes { bytes in
          isPinned.set()
          isDisposed.wait()
          #expect(unsafe bytes.seenNumber == 0)
        }
        isRead.set()
      } else {
        unsafe try? buffer.withUnsafeBytes { _ in
          isPinned.wait()
          // Before the other thread reads, so that this does not come after the read.
          #expect(buffer.dispose())
          isDisposed.set()
          isRead.wait()
        }
        useBlockAgain(of: buffer, arena)
      }
    }
  }

  @Test("Both are so for blocks that threads keep for themselves, too")
  func blocksOfThreads() async {
    // This has a process of its own, so that no other thread takes the blocks.
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      for _ in 0..<10 {
        Self.releaseAfterPin(try NativeBuffer(byteCount: 64), .shared)
        Self.releaseByLastPin(try NativeBuffer(byteCount: 64), .shared)
      }
    }
  }

  @Test("The end of an exclusive pin, which releases the block, comes before the next owner's use of the block")
  func exclusiveThenNextOwner() throws {
    try Self.eachRound { buffer, arena in
      Self.inTurn {
        unsafe try? buffer.withUnsafeMutableBytes { bytes in
          #expect(buffer.dispose())
          unsafe bytes.seenNumber = 7
        }
      } then: {
        Self.useBlockAgain(of: buffer, arena)
      }
    }
  }
}
