// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeSynchronization
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("NativeBuffer")
struct NativeBufferTests {
  let arena: Arena

  init() throws { arena = try Arena(name: "buffers") }

  @Test("A new buffer is zero, aligned, and as large as requested, also if its memory is used again")
  func zeroFilled() throws {
    for size in [1, 64, 100, 4_096, 100_000, 3_000_000] {
      for _ in 0..<3 {
        let buffer = try NativeBuffer(byteCount: size, arena: arena)
        try buffer.withMutableBytes { bytes in
          #expect(bytes.byteCount == size)
          unsafe bytes.withUnsafeMutableBytes { memory in
            #expect(unsafe memory.allSatisfy { $0 == 0 })
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xAA)
          }
        }
        unsafe try buffer.withUnsafeBytes { #expect(UInt(bitPattern: $0.baseAddress) % 64 == 0) }
        buffer.dispose()
      }
    }
    finish()
  }

  @Test("An empty buffer is valid and has no bytes")
  func empty() throws {
    let buffer = try NativeBuffer(byteCount: 0, arena: arena)
    #expect(try buffer.withBytes { $0.byteCount } == 0)
    #expect(try buffer.pinMutable().byteCount == 0)
    #expect(try buffer.slice(0..<0).withBytes { $0.isEmpty })
    buffer.dispose()
    finish()
  }

  @Test("Every alignment from 1 byte to 2 MiB is kept, also for blocks that are used again")
  func alignments() throws {
    for shift in 0...21 {
      for size in [1, 100, 5_000, 70_000, 3_000_000] {
        for _ in 0..<2 {
          let buffer = try NativeBuffer(uninitializedByteCount: size, alignment: 1 << shift, arena: arena)
          unsafe try buffer.withUnsafeBytes { #expect(UInt(bitPattern: $0.baseAddress) % (1 << UInt(shift)) == 0) }
          buffer.dispose()
        }
      }
    }
    arena._checkInvariants()
    finish()
  }

  @Test("A buffer has the bytes that its initialiser wrote, and zeros for all others")
  func initializing() throws {
    let secret = try NativeBuffer(byteCount: 1_000, arena: arena)
    unsafe try secret.withUnsafeMutableBytes { _ = unsafe $0.initializeMemory(as: UInt8.self, repeating: 0x55) }
    secret.dispose()
    let buffer = try NativeBuffer(byteCount: 1_000, arena: arena) { span in
      for number in 0..<10 { span.append(UInt8(number)) }
    }
    try buffer.withBytes { bytes in
      for index in 0..<1_000 {
        #expect(unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) == (index < 10 ? UInt8(index) : 0))
      }
    }
    buffer.dispose()
    finish()
  }

  @Test("If an initialiser throws, no memory is left allocated")
  func initializerThrows() throws {
    struct Failure: Error {}
    #expect(throws: Failure.self) {
      _ = try NativeBuffer(byteCount: 1_000, arena: arena) { _ in throw Failure() }
    }
    #expect(throws: Failure.self) {
      _ = try UniqueBuffer(byteCount: 1_000, arena: arena) { _ in throw Failure() }.byteCount
    }
    finish()
  }

  @Test("Sizes and alignments out of range are refused, the error names the line, and nothing is allocated")
  func badRequests() throws {
    func reason(_ body: () throws(NativeBufferError) -> Void) -> NativeBufferError.Reason? {
      do throws(NativeBufferError) { try body() } catch {
        #expect(error.created.file == "NativeBuffersTests/NativeBufferTests.swift")
        return error.reason
      }
      return nil
    }
    let entries = Ledger.shared.entryCount
    #expect(
      reason { () throws(NativeBufferError) in _ = try NativeBuffer(byteCount: -1, arena: arena) }
        == .invalidByteCount(-1))
    #expect(
      reason { () throws(NativeBufferError) in _ = try NativeBuffer(byteCount: .max, arena: arena) }
        == .invalidByteCount(.max))
    #expect(
      reason { () throws(NativeBufferError) in _ = try NativeBuffer(byteCount: 1, alignment: 3, arena: arena) }
        == .invalidAlignment(3))
    #expect(
      reason { () throws(NativeBufferError) in _ = try NativeBuffer(byteCount: 1, alignment: 4 << 20, arena: arena) }
        == .invalidAlignment(4 << 20))
    #expect(
      reason { () throws(NativeBufferError) in _ = try NativeBuffer(uninitializedByteCount: 1 << 47, arena: arena) }
        == .outOfMemory(byteCount: 1 << 47, alignment: 64))
    #expect(try arena.counts().count == 0)
    #expect(Ledger.shared.entryCount - entries < 1_000)
    finish()
  }

  @Test("Only the first dispose returns true, and every access after it throws an error that names both lines")
  func useAfterDispose() throws {
    let buffer = try NativeBuffer(byteCount: 10, arena: arena); let created = #line
    #expect(!buffer.isDisposed)
    #expect(buffer.dispose()); let disposed = #line
    #expect(!buffer.dispose())
    #expect(buffer.isDisposed)
    #expect(buffer.byteCount == 10)
    let accesses: [(String, () throws -> Void)] = [
      ("withBytes", { try buffer.withBytes { _ in } }),
      ("withMutableBytes", { try buffer.withMutableBytes { _ in } }),
      ("withUnsafeBytes", { unsafe try buffer.withUnsafeBytes { _ in } }),
      ("withUnsafeMutableBytes", { unsafe try buffer.withUnsafeMutableBytes { _ in } }),
      ("pin", { _ = try buffer.pin() }),
      ("pinMutable", { _ = try buffer.pinMutable() }),
      ("slice", { try buffer.slice(0..<1).withBytes { _ in } }),
      ("unsafeDetach", { _ = unsafe try buffer.unsafeDetach() }),
    ]
    for (name, access) in accesses {
      do {
        try access()
        Issue.record("\(name) did not throw")
      } catch let error as NativeBufferError {
        #expect(error.code == .disposed, "\(name)")
        let text = "\(error)"
        #expect(text.contains("created at NativeBuffersTests/NativeBufferTests.swift:\(created) in useAfterDispose()"))
        #expect(
          text.contains("disposed at NativeBuffersTests/NativeBufferTests.swift:\(disposed) in useAfterDispose()"))
      }
    }
    finish()
  }

  @Test("If no arena is named, or .shared, or a reference to it, the memory comes from the shared arena")
  func sharedArena() throws {
    for buffer in [
      try NativeBuffer(byteCount: 100), try NativeBuffer(byteCount: 100, arena: .shared),
      try NativeBuffer(byteCount: 100, arena: Arena.shared), try NativeBuffer(byteCount: 100, arena: nil),
      try NativeBuffer(uninitializedByteCount: 100, arena: .shared),
      try UniqueBuffer(byteCount: 100, arena: .shared).share(),
      try UniqueBuffer(uninitializedByteCount: 100, arena: .shared).share(),
    ] {
      #expect(buffer.arena === Arena.shared && buffer.byteCount == 100)
      #expect(buffer.site.line > 0 && buffer.site.file == "NativeBuffersTests/NativeBufferTests.swift")
      buffer.dispose()
    }
    finish()
  }

  @Test("A handle that was disposed never reaches the next owner of its memory")
  func staleHandle() throws {
    let old = try NativeBuffer(byteCount: 64, arena: arena)
    old.dispose()
    let new = try NativeBuffer(byteCount: 64, arena: arena)
    #expect(old.block.entry == new.block.entry, "the block is used again at once")
    #expect(throws: NativeBufferError.self) { try old.withBytes { _ in } }
    #expect(!old.dispose())
    #expect(!new.isDisposed)
    new.dispose()
    finish()
  }

  @Test("A block is kept for reuse even if another thread adds up what is idle, and takes unused room back")
  func reusedBesideSums() throws {
    let arena = arena
    let isOver = Atomic(false)
    let sums = Atomic(0)
    onThreads(2) { thread in
      if thread == 0 {
        while !isOver.load(ordering: .relaxed) {
          _ = arena.depot.idleByteCount
          arena.depot.withdrawRoom()
          sums.add(1, ordering: .relaxed)
        }
      } else {
        while sums.load(ordering: .relaxed) == 0 { sched_yield() }
        for _ in 0..<2_000 {
          guard let old = try? NativeBuffer(byteCount: 64, arena: arena) else { continue }
          old.dispose()
          let new = try? NativeBuffer(byteCount: 64, arena: arena)
          #expect(old.block.entry == new?.block.entry, "the block is used again at once")
          new?.dispose()
        }
        isOver.store(true, ordering: .relaxed)
      }
    }
    finish()
  }

  @Test("If a buffer is disposed during a pin, the bytes stay valid until the pin ends, and are then released")
  func disposeWhilePinned() throws {
    let buffer = try NativeBuffer(byteCount: 5_000, arena: arena)
    try buffer.withMutableBytes { $0.storeBytes(of: 42, toByteOffset: 4_999, as: UInt8.self) }
    do {
      let pin = try buffer.pin()
      #expect(buffer.dispose())
      #expect(buffer.isDisposed)
      #expect(!buffer.dispose())
      #expect(throws: NativeBufferError.self) { _ = try buffer.pin() }
      #expect(unsafe pin.bytes.unsafeLoad(fromByteOffset: 4_999, as: UInt8.self) == 42)
      #expect(arena.trim() == 0, "the block is not idle yet")
    }
    #expect(arena.trim() == 5_120)
    finish()
  }

  @Test("If a buffer is disposed during exclusive access, the bytes stay valid until that access ends")
  func disposeWhilePinnedExclusively() throws {
    let buffer = try NativeBuffer(byteCount: 5_000, arena: arena)
    do {
      var pin = try buffer.pinMutable()
      #expect(buffer.dispose())
      #expect(throws: NativeBufferError.self) { _ = try buffer.pinMutable() }
      var bytes = pin.mutableBytes
      bytes.storeBytes(of: 42, toByteOffset: 4_999, as: UInt8.self)
      #expect(unsafe pin.bytes.unsafeLoad(fromByteOffset: 4_999, as: UInt8.self) == 42)
      #expect(arena.trim() == 0, "the block is not idle yet")
    }
    #expect(arena.trim() == 5_120)
    finish()
  }

  @Test("A buffer with 262,143 pins refuses another one with an error, and accepts pins again after one has ended")
  func tooManyPins() throws {
    let buffer = try NativeBuffer(byteCount: 100, arena: arena)
    let block = buffer.block
    for _ in 1..<EntryWord.maximumPinCount { _ = block.entry.pin(key: block.key) }
    func code(_ body: () throws -> Void) -> NativeBufferError.Code? {
      do { try body() } catch { return (error as? NativeBufferError)?.code }
      return nil
    }
    do {
      let last = try buffer.pin()
      #expect(last.byteCount == 100)
      #expect(code { _ = try buffer.pin() } == .tooManyPins)
      #expect(code { try buffer.withBytes { _ in } } == .tooManyPins)
      #expect(code { try buffer.slice(0..<1).withBytes { _ in } } == .tooManyPins)
      #expect(code { try buffer.withMutableBytes { _ in } } == .overlappingAccess)
      #expect(block.entry.word.pinCount == EntryWord.maximumPinCount)
    }
    #expect(code { try buffer.withBytes { _ in } } == nil)
    #expect(buffer.dispose())
    for _ in 2..<EntryWord.maximumPinCount { _ = block.entry.unpin() }
    #expect(arena.trim() == 0, "one pin is left")
    #expect(block.entry.unpin())
    Block.releasePinned(block.entry)
    #expect(arena.trim() == 128)
    finish()
  }

  @Test("A pin keeps the bytes valid after the handle is gone")
  func pinOutlivesHandle() throws {
    func pinned() throws -> Pin {
      try NativeBuffer(byteCount: 100, arena: arena) { span in span.append(UInt8(9)) }.pin()
    }
    do {
      let pin = try pinned()
      #expect(unsafe pin.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == 9)
      #expect(arena.trim() == 0)
    }
    #expect(arena.trim() == 128)
    #expect(arena.rescueCount == 1)
    finish()
  }

  @Test("Overlapping exclusive access throws, shared access does not")
  func exclusivity() throws {
    let buffer = try NativeBuffer(byteCount: 100, arena: arena)
    func overlaps(_ body: () throws -> Void) -> Bool {
      do { try body() } catch { return (error as? NativeBufferError)?.code == .overlappingAccess }
      return false
    }
    try buffer.withBytes { _ in
      let byteCount = try buffer.withBytes { $0.byteCount }
      #expect(byteCount == 100)
      #expect(overlaps { try buffer.withMutableBytes { _ in } })
      #expect(overlaps { _ = unsafe try buffer.unsafeDetach() })
    }
    try buffer.withMutableBytes { _ in
      #expect(overlaps { try buffer.withBytes { _ in } })
      #expect(overlaps { try buffer.withMutableBytes { _ in } })
      #expect(overlaps { try buffer.slice(50..<60).withBytes { _ in } })
    }
    try buffer.withMutableBytes { _ in }
    buffer.dispose()
    finish()
  }

  @Test("A slice is a part of its buffer, with the same bytes and pins, and it ends with the buffer")
  func slices() throws {
    let buffer = try NativeBuffer(byteCount: 100, arena: arena)
    let slice = try buffer.slice(10..<30)
    try slice.withMutableBytes { bytes in
      #expect(bytes.byteCount == 20)
      bytes.storeBytes(of: 7, toByteOffset: 5, as: UInt8.self)
    }
    let value1 = try buffer.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 15, as: UInt8.self) }
    #expect(value1 == 7)
    let part = try slice.slice(5..<6)
    #expect(part.range == 15..<16)
    let value2 = try part.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) }
    #expect(value2 == 7)
    for range in [-1..<5, 0..<21, 20..<25] {
      #expect(throws: NativeBufferError.self, "\(range)") { _ = try slice.slice(range) }
    }
    buffer.dispose()
    #expect(slice.isDisposed)
    #expect(throws: NativeBufferError.self) { try part.withBytes { _ in } }
    finish()
  }

  @Test("A slice keeps its buffer alive")
  func sliceOwns() throws {
    var slice: NativeBufferSlice? = try NativeBuffer(byteCount: 100, arena: arena).slice(0..<50)
    #expect(slice?.isDisposed == false)
    #expect(try slice?.withBytes { $0.byteCount } == 50)
    slice = nil
    #expect(arena.rescueCount == 1)
    finish()
  }

  @Test("A forgotten buffer is rescued, and its line is recorded")
  func rescue() throws {
    _ = try NativeBuffer(byteCount: 100, arena: arena); let line = #line
    #expect(arena.rescueCount == 1)
    let site = Ledger.shared.intern(file: #fileID, line: UInt(line), function: #function)
    #expect(Ledger.shared.rescues(at: site).count == 1)
    finish()
  }

  /// Expects that all memory was given back, so that the arena can be destroyed.
  private func finish() {
    #expect(throws: Never.self) { try arena.destroy() }
  }
}
