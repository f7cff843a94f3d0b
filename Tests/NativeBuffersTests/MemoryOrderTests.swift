// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import NativeBuffers

/// What pins and releases order between threads. A missing order is found by ThreadSanitizer (`.ci/thread-sanitizer`),
/// which must see no other order between the threads than that of the tested step:
/// - The threads learn by relaxed flags when it is their turn, and count what is wrong by relaxed counters. An
///   expectation on one of the threads would take a lock.
/// - They use the bytes through typed pointers. ThreadSanitizer does not see the bytes behind a `RawSpan`.
@Suite("The order of reads and writes of a buffer's bytes between threads")
struct MemoryOrderTests {
  private let failures = Counter()

  private func check(_ isRight: Bool) { if !isRight { failures.add() } }

  /// Calls a closure with a buffer, again and again. Each buffer is the only one of its arena, so the next buffer of
  /// the arena gets its block.
  private func eachRound(_ body: (NativeBuffer, Arena) -> Void) throws {
    for _ in 0..<10 {
      let arena = try Arena(name: "memory order")
      let buffer = try NativeBuffer(byteCount: 64, arena: arena)
      body(buffer, arena)
      buffer.dispose()
      try arena.destroy()
    }
    #expect(failures.value == 0)
  }

  /// Runs a closure on one thread and then, on another thread, a second one.
  private func inTurn(_ first: @escaping @Sendable () -> Void, then second: @escaping @Sendable () -> Void) {
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

  private func write(_ buffer: NativeBuffer) {
    check((unsafe try? buffer.withUnsafeMutableBytes { bytes in unsafe bytes.seenNumber = 7 }) != nil)
  }

  private func read(_ buffer: NativeBuffer, _ expected: Int) {
    check((unsafe try? buffer.withUnsafeBytes { bytes in unsafe bytes.seenNumber }) == expected)
  }

  /// Takes the block that was released, for a new buffer, and writes to it.
  private func useBlockAgain(of former: NativeBuffer, _ arena: Arena) {
    guard let next = try? NativeBuffer(uninitializedByteCount: 64, arena: arena) else { return check(false) }
    check(next.block.entry == former.block.entry)
    write(next)
    next.dispose()
  }

  @Test("An exclusive pin's writes are visible to a shared pin that begins after its end")
  func exclusiveThenShared() throws {
    try eachRound { buffer, _ in
      inTurn {
        write(buffer)
      } then: {
        read(buffer, 7)
      }
    }
  }

  @Test("A shared pin's reads come before the writes of an exclusive pin that begins after its end")
  func sharedThenExclusive() throws {
    try eachRound { buffer, _ in
      inTurn {
        read(buffer, 0)
      } then: {
        write(buffer)
      }
    }
  }

  @Test("What a thread does under a pin comes before a release on another thread after its end")
  func sharedThenRelease() throws { try eachRound(releaseAfterPin) }

  private func releaseAfterPin(_ buffer: NativeBuffer, _ arena: Arena) {
    inTurn {
      read(buffer, 0)
    } then: {
      check(buffer.dispose())
      useBlockAgain(of: buffer, arena)
    }
  }

  @Test("If the end of the last pin releases the block, that comes after the ends of all other pins")
  func sharedThenLast() throws { try eachRound(releaseByLastPin) }

  private func releaseByLastPin(_ buffer: NativeBuffer, _ arena: Arena) {
    let (isPinned, isDisposed, isRead) = (Flag(), Flag(), Flag())
    onThreads(2) { thread in
      if thread == 0 {
        unsafe try? buffer.withUnsafeBytes { bytes in
          isPinned.set()
          isDisposed.wait()
          check(unsafe bytes.seenNumber == 0)
        }
        isRead.set()
      } else {
        unsafe try? buffer.withUnsafeBytes { _ in
          isPinned.wait()
          // The buffer is disposed before the other thread reads, so nothing orders the dispose after the read.
          check(buffer.dispose())
          isDisposed.set()
          isRead.wait()
        }
        useBlockAgain(of: buffer, arena)
      }
    }
  }

  @Test("Releases come after pins also for blocks that threads keep for themselves")
  func blocksOfThreads() async {
    // This has a process of its own, so that no other thread takes the blocks.
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let tests = MemoryOrderTests()
      for _ in 0..<10 {
        tests.releaseAfterPin(try NativeBuffer(byteCount: 64), .shared)
        tests.releaseByLastPin(try NativeBuffer(byteCount: 64), .shared)
      }
      #expect(tests.failures.value == 0)
    }
  }

  @Test("If the end of an exclusive pin releases the block, the next owner's use of the block comes after it")
  func exclusiveThenNextOwner() throws {
    try eachRound { buffer, arena in
      inTurn {
        unsafe try? buffer.withUnsafeMutableBytes { bytes in
          check(buffer.dispose())
          unsafe bytes.seenNumber = 7
        }
      } then: {
        useBlockAgain(of: buffer, arena)
      }
    }
  }
}
