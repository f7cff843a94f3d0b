// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Adopted and detached memory")
struct ForeignMemoryTests {
  private final class Calls: Sendable {
    let count = Counter()
    let address = Atomic<UInt>(0)
  }

  private func adopted(_ byteCount: Int, _ calls: Calls) throws -> NativeBuffer {
    let memory = unsafe try #require(calloc(1, byteCount))
    return unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: byteCount) { pointer in
      calls.count.add()
      calls.address.store(UInt(bitPattern: pointer), ordering: .relaxed)
      unsafe free(pointer)
    }
  }

  @Test("The deallocator of adopted memory runs once, on dispose")
  func dispose() throws {
    let calls = Calls()
    let buffer = try adopted(1_000, calls)
    let address = unsafe try buffer.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    #expect(calls.count.value == 0)
    #expect(buffer.dispose())
    #expect(!buffer.dispose())
    #expect(calls.count.value == 1)
    #expect(calls.address.load(ordering: .relaxed) == address)
    #expect(throws: NativeBufferError.self) { try buffer.withBytes { _ in } }
  }

  @Test("If adopted memory is not disposed, the last release runs its deallocator once, and counts a rescue")
  func rescue() throws {
    let calls = Calls()
    var buffer: NativeBuffer? = try adopted(1_000, calls); let line = #line
    #expect(buffer?.site.line != line, "the helper's line is the site")
    buffer = nil
    #expect(calls.count.value == 1)
  }

  @Test("A rescue counts for the line of the forgotten buffer, not for that of the next buffer with the same entry")
  func rescueBesideNextOwner() throws {
    let next = Guarded<NativeBuffer?>(nil)
    let rounds = 1_000
    var sameEntryCount = 0
    var (site, nextSite) = (SiteID.unknown, SiteID.unknown)
    for _ in 0..<rounds {
      let memory = unsafe try #require(calloc(1, 200))
      var buffer: NativeBuffer? = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 100) { pointer in
        // The entry is free by now. This buffer gets it, unless another test has taken it just before.
        let other = unsafe try? NativeBuffer(unsafeAdopting: pointer, byteCount: 200) { unsafe free($0) }
        next.withLock { $0 = other }
      }
      let entry = buffer?.block.entry
      site = try #require(entry?.site)
      buffer = nil
      let owner = try #require(next.withLock { $0 })
      if owner.block.entry == entry { sameEntryCount += 1 }
      nextSite = owner.block.entry.site
      owner.dispose()
    }
    #expect(sameEntryCount > 0 && site != nextSite)
    #expect(Ledger.shared.rescues(at: site) == (rounds, 100 * rounds))
    #expect(Ledger.shared.rescues(at: nextSite) == (0, 0))
  }

  @Test("The deallocator of adopted memory waits for the last pin")
  func pinned() throws {
    let calls = Calls()
    let buffer = try adopted(1_000, calls)
    do {
      let pin = try buffer.pin()
      buffer.dispose()
      #expect(calls.count.value == 0)
      #expect(pin.byteCount == 1_000)
    }
    #expect(calls.count.value == 1)
  }

  @Test("A deallocator may create and dispose buffers")
  func reentrant() throws {
    let memory = unsafe try #require(calloc(1, 100))
    let outer = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 100) { pointer in
      (try? NativeBuffer(byteCount: 10))?.dispose()
      unsafe free(pointer)
    }
    #expect(outer.dispose())
  }

  @Test("The caller owns adopted memory that was detached, and its deallocator never runs")
  func detachAdopted() throws {
    let calls = Calls()
    let buffer = try adopted(1_000, calls)
    let memory = unsafe try buffer.unsafeDetach()
    #expect(buffer.isDisposed)
    #expect(!buffer.dispose())
    #expect(calls.count.value == 0)
    unsafe free(memory.pointer)
  }

  @Test("A negative size is refused, and the caller still owns the memory")
  func negative() throws {
    let memory = unsafe try #require(malloc(10))
    let calls = Calls()
    #expect(throws: NativeBufferError.self) {
      _ = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: -1) { _ in calls.count.add() }
    }
    #expect(calls.count.value == 0)
    unsafe free(memory)
  }

  @Test("A detached block is live in the books and keeps its bytes, and its handle cannot reach it")
  func detachBlock() throws {
    let arena = try Arena(name: "detached")
    let buffer = try NativeBuffer(byteCount: 100_000, arena: arena) { $0.append(UInt8(3)) }
    let memory = unsafe try buffer.unsafeDetach()
    #expect(buffer.isDisposed && !buffer.dispose())
    #expect(throws: NativeBufferError.self) { try buffer.withBytes { _ in } }
    #expect(unsafe memory.pointer.load(as: UInt8.self) == 3 && memory.byteCount == 100_000)
    #expect(try arena.counts().count == 1)
    unsafe memory.release()
    #expect(try arena.counts().count == 0)
    try arena.destroy()
  }
}
