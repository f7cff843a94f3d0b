// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Threads that use one buffer at the same time")
struct RaceTests {
  @Test("If two threads dispose at the same time, the memory is released once")
  func disposeRace() throws {
    let arena = try Arena(name: "dispose race")
    let releases = Counter()
    for _ in 0..<200 {
      let buffers = try (0..<50).map { _ in try NativeBuffer(byteCount: 64, arena: arena) }
      onThreads(2) { _ in
        for buffer in buffers where buffer.dispose() { releases.add() }
      }
    }
    #expect(releases.value == 10_000)
    arena._checkInvariants()
    try arena.destroy()
  }

  @Test("An access just after a dispose throws an error that names the line of the dispose")
  func disposedSiteWhileRacing() throws {
    let unknown = SharedSlots<String>(count: 1)
    for _ in 0..<3_000 {
      let buffer = try NativeBuffer(byteCount: 64)
      onThreads(2) { thread in
        if thread == 0 {
          buffer.dispose()
        } else {
          do { while true { _ = try buffer.pin() } } catch {
            let text = "\(error)"
            if !text.contains("RaceTests.swift") || text.contains("unknown") { _ = unknown.exchange(0, text) }
          }
        }
      }
    }
    #expect(unknown.peek(0) == nil)
  }

  @Test("While one thread disposes and another one pins, the bytes are valid under every pin")
  func disposeWhilePinnedElsewhere() throws {
    let arena = try Arena(name: "pin race")
    let granted = Counter()
    let wrong = Counter()
    for round in 0..<2_000 {
      let value = UInt8(truncatingIfNeeded: round | 1)
      let buffer = try NativeBuffer(byteCount: 256, arena: arena) { span in
        for _ in 0..<256 { span.append(value) }
      }
      // In every other round the pin comes first, so that there are always pins to check.
      let pinComesFirst = round.isMultiple(of: 2)
      let hasAsked = Flag()
      onThreads(2) { thread in
        if thread == 0 {
          if pinComesFirst { hasAsked.wait() }
          buffer.dispose()
          // This is the next owner of this memory, if the memory is free. Its bytes must never show under the other
          // thread's pin.
          _ = try? NativeBuffer(byteCount: 256, arena: arena).dispose()
        } else if let pin = try? buffer.pin() {
          hasAsked.set()
          granted.add()
          // Typed, so that ThreadSanitizer sees it.
          let bytes = unsafe pin.base.assumingMemoryBound(to: UInt8.self)
          for index in 0..<256 where unsafe (bytes + index).pointee != value { wrong.add() }
        } else {
          hasAsked.set()
        }
      }
    }
    #expect(granted.value >= 1_000)
    #expect(wrong.value == 0)
    try arena.destroy()
  }

  /// Other threads find the block as soon as it is released. So it must have been charged before.
  @Test("A rescue of a unique buffer counts for its own line, even if another thread uses its block at once")
  func rescueRace() throws {
    let arena = try Arena(name: "rescue race")
    let disposing = SharedSlots<SiteID>(count: 1)
    let forgetting = SharedSlots<SiteID>(count: 1)
    let count = 30_000
    onThreads(2) { thread in
      for _ in 0..<count {
        if thread == 0 {
          guard let buffer = try? UniqueBuffer(uninitializedByteCount: 64, arena: arena) else { return }
          _ = forgetting.exchange(0, buffer.block.entry.site)
        } else {
          guard let buffer = try? NativeBuffer(uninitializedByteCount: 64, arena: arena) else { return }
          _ = disposing.exchange(0, buffer.block.entry.site)
          buffer.dispose()
        }
      }
    }
    let (forgotten, disposed) = (try #require(forgetting.peek(0)), try #require(disposing.peek(0)))
    #expect(Ledger.shared.rescues(at: forgotten).count == count)
    #expect(Ledger.shared.rescues(at: disposed).count == 0)
    #expect(arena.rescueCount == count)
    try arena.destroy()
  }

  @Test("Exclusive access from two threads never overlaps")
  func exclusive() throws {
    let arena = try Arena(name: "exclusive race")
    let buffer = try NativeBuffer(byteCount: 8, arena: arena)
    let done = Counter()
    onThreads(2) { _ in
      while done.value < 20_000 {
        // The value is read and then written: an overlapping writer would lose an addition.
        let added: Void? = unsafe try? buffer.withUnsafeMutableBytes { unsafe $0.seenNumber += 1 }
        if added != nil { done.add() }
      }
    }
    let total = try buffer.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 0, as: Int.self) }
    #expect(total == done.value)
    buffer.dispose()
    try arena.destroy()
  }

  @Test("In 200,000 random steps, no block that threads pass on is lost or given out twice")
  func randomSteps() throws {
    let arena = try Arena(name: "random steps", configuration: .init(idleByteLimit: 200_000))
    let seed = UInt64.random(in: 0 ... .max)
    print("random steps: seed \(seed)")
    let shared = SharedSlots<NativeBuffer>(count: 64)
    onThreads(2) { thread in
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      for _ in 0..<100_000 {
        let slot = Int.random(in: 0..<64, using: &generator)
        let size = 1 << Int.random(in: 3...15, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0, 1:
          let buffer = try? NativeBuffer(uninitializedByteCount: size, arena: arena)
          shared.exchange(slot, buffer)?.dispose()
        case 2: _ = shared.exchange(slot, nil)
        default: unsafe try? shared.peek(slot)?.withUnsafeMutableBytes { unsafe $0.seenNumber = 1 }
        }
      }
    }
    for slot in 0..<64 { shared.exchange(slot, nil)?.dispose() }
    arena._checkInvariants()
    try arena.destroy()
  }
}
