// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Read-only buffers of memory that other code shares")
struct ReadOnlyTests {
  /// A read-only buffer of 100 bytes.
  private static func buffer(_ calls: Counter) throws -> NativeBuffer {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 16)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 3, count: 100)
    return unsafe try NativeBuffer(unsafeAdoptingReadOnly: memory, byteCount: 100) { pointer in
      calls.add()
      unsafe UnsafeMutableRawPointer(mutating: pointer).deallocate()
    }
  }

  private static func byte(_ index: Int, of pin: borrowing Pin) -> UInt8 { pin.span[index] }

  @Test("Any number of readers; no writer; the deallocator runs once, after dispose and the last pin")
  func life() throws {
    let calls = Counter()
    let buffer = try Self.buffer(calls)
    #expect(buffer.isReadOnly)
    let first = try buffer.pin()
    let second = try buffer.pin()
    #expect(throws: NativeBufferError.self) { _ = try buffer.pinMutable() }
    let (last, start) = (Self.byte(99, of: first), Self.byte(0, of: second))
    #expect(last == 3 && start == 3)
    #expect(buffer.dispose() && !buffer.dispose())
    #expect(calls.value == 0)
    _ = consume first
    #expect(calls.value == 0)
    _ = consume second
    #expect(calls.value == 1)
    let error = #expect(throws: NativeBufferError.self) { _ = try buffer.pinMutable() }
    #expect(error?.code == .disposed)
  }

  @Test("The last release of a read-only buffer runs the deallocator, and is a rescue")
  func rescue() throws {
    let calls = Counter()
    var buffer: NativeBuffer? = try Self.buffer(calls)
    #expect(buffer?.isDisposed == false)
    buffer = nil
    #expect(calls.value == 1)
  }

  @Test("Other buffers are not read-only, whatever pins they have")
  func others() throws {
    let buffer = try NativeBuffer(byteCount: 10)
    #expect(!buffer.isReadOnly)
    let pin = try buffer.pin()
    let error = #expect(throws: NativeBufferError.self) { _ = try buffer.pinMutable() }
    #expect(error?.code == .overlappingAccess && !buffer.isReadOnly)
    _ = consume pin
    buffer.dispose()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 10, alignment: 16)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 10)
    let adopted = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 10) { unsafe $0.deallocate() }
    #expect(!adopted.isReadOnly)
    try adopted.fill(with: 1)
    adopted.dispose()
  }

  @Test("Whoever disposed a pinned buffer never ends the own pin of a read-only buffer that has its entry by then")
  func nextOwner() throws {
    var sameEntryCount = 0
    // Another test may take the entry in between.
    for _ in 0..<1_000 where sameEntryCount == 0 {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: 10, alignment: 16)
      unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 10)
      let first = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 10) { unsafe $0.deallocate() }
      first.dispose()
      let next = try Self.buffer(Counter())
      if Ledger.shared.index(of: first.block.entry) == Ledger.shared.index(of: next.block.entry) {
        sameEntryCount += 1
        // This is what the thread that disposed the first buffer does last, if that buffer had a pin.
        first.block.leaveToPins()
        #expect(next.isPinned)
        let error = #expect(throws: NativeBufferError.self) { _ = try next.pinMutable() }
        #expect(error?.code == .readOnly)
      }
      next.dispose()
    }
    #expect(sameEntryCount > 0)
  }

  @Test("Threads that dispose and pin at the same time run each deallocator once, and never too early")
  func race() throws {
    let (made, calls, failures) = (Counter(), Counter(), Counter())
    let rounds = 3_000
    let (gate, current) = (Gate(), Guarded<[NativeBuffer]>([]))
    onThreads(2) { thread in
      for _ in 0..<rounds {
        if thread == 0 {
          guard let pinned = try? Self.buffer(calls) else { failures.add(); gate.pass(); gate.pass(); continue }
          made.add()
          current.withLock { $0 = [pinned] }
        }
        gate.pass()
        if let buffer = current.withLock({ $0.first }) {
          // One thread disposes, the other one pins and makes a read-only buffer that may get the entry.
          if thread == 0 {
            buffer.dispose()
          } else {
            if let pin = try? buffer.pin(), pin.span[50] != 3 { failures.add() }
            if let next = try? Self.buffer(calls) {
              made.add()
              if (try? next.pinMutable()) != nil { failures.add() }
              if (try? [UInt8](next)) != [UInt8](repeating: 3, count: 100) { failures.add() }
              next.dispose()
            }
          }
        }
        gate.pass()
      }
    }
    current.withLock { $0 = [] }
    #expect(failures.value == 0)
    #expect(calls.value == made.value)
  }
}
