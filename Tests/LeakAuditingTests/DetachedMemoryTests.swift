// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditing
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

@Suite("Detached memory")
struct DetachedMemoryTests {
  private func books(of arena: Arena) throws -> ArenaBooks {
    let report = try LeakAuditor.audit()
    #expect(report.findings.allSatisfy { $0.arena != arena.name })
    return try #require(report.arenas.first { $0.name == arena.name })
  }

  @Test("Detached memory of every size is released by its own function, and both books change at once")
  func release() throws {
    let arena = try Arena(name: "released by its own function")
    for byteCount in [0, 1, 64, 5_000, 32_768, 100_000, 9_000_000] {
      let memory = unsafe try NativeBuffer(byteCount: byteCount, arena: arena).unsafeDetach()
      #expect(try books(of: arena).detached.count == 1)
      unsafe memory.release()
      let after = try books(of: arena)
      #expect(after.detached.count == 0 && after.allocatorCount == 0 && after.difference == 0, "\(byteCount) bytes")
    }
    try arena.destroy()
  }

  @Test("C code can release detached memory by the function that it gets, and the next audit agrees")
  func cDeallocator() throws {
    let arena = try Arena(name: "released by C")
    let memory = unsafe try NativeBuffer(byteCount: 5_000, arena: arena).unsafeDetach()
    let deallocator = unsafe Arena.unsafeDeallocator
    deallocator(nil)
    unsafe deallocator(memory.pointer)
    let books = try books(of: arena)
    #expect(books.detached.count == 0 && books.allocatorCount == 0 && books.difference == 0)
    #expect(books.detached.byteCount == 0)
    try arena.destroy()
  }

  @Test("If two detached blocks have one size, C may free one of them and the release function the other one")
  func oneOfEach() throws {
    let arena = try Arena(name: "one of each")
    let first = unsafe try NativeBuffer(byteCount: 5_000, arena: arena).unsafeDetach()
    let second = unsafe try NativeBuffer(byteCount: 5_000, arena: arena).unsafeDetach()
    unsafe Arena.unsafeDeallocator(first.pointer)
    // This audit may remove the second one's entry instead of the entry of the block that was freed.
    let between = try books(of: arena)
    #expect(between.detached.count == 1 && between.detached.byteCount == 5_120)
    #expect(between.buffers.created == 2 && between.buffers.disposed == 1 && between.buffers.detached == 1)
    unsafe second.release()
    let after = try books(of: arena)
    #expect(after.detached.count == 0 && after.allocatorCount == 0 && after.difference == 0)
    try arena.destroy()
  }

  @Test("Adopted memory that was detached is released once, by its deallocator")
  func adopted() throws {
    let calls = Guarded(0)
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 16)
    let buffer = unsafe try NativeBuffer(unsafeAdopting: bytes, byteCount: 100) { pointer in
      calls.withLock { $0 += 1 }
      unsafe pointer.deallocate()
    }
    let memory = unsafe try buffer.unsafeDetach()
    #expect(unsafe !memory.isFreedByC && memory.pointer == bytes && memory.byteCount == 100)
    #expect(calls.withLock { $0 } == 0)
    unsafe memory.release()
    #expect(calls.withLock { $0 } == 1)
  }

  /// The libraries to preload: jemalloc, glibc with a C++ library that then uses its malloc, and mimalloc.
  private static let allocators = ["libjemalloc.so.2", "libstdc++.so.6:libc.so.6", "libmimalloc.so.2"]

  /// Runs this suite's other tests once more, in a process with this `malloc`.
  @Test(
    "With each malloc, detached memory tells whether C can free it, and its own function releases it",
    .enabled(if: !Sanitizer.isOn, "A sanitizer has a malloc of its own."), arguments: allocators)
  func otherMalloc(library: String) throws {
    let path = try #require(CommandLine.arguments.first)
    let outcome = try Command.run(
      "/usr/bin/env",
      [
        "LD_PRELOAD=\(library)", "SWIFT_BACKTRACE=enable=no", path, "--testing-library", "swift-testing", "--filter",
        "DetachedMemoryTests/(release|cDeallocator|oneOfEach|adopted|isNotFreedByC)",
      ])
    if outcome.errors.contains("cannot be preloaded") {
      print("skipped: \(library) is not installed")
      return
    }
    #expect(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("with 5 tests"), "\(outcome.errors)")
  }

  @Test("At run time, the library finds out whether C's free may release the memory")
  func isNotFreedByC() throws {
    let arena = try Arena(name: "freed by C or not")
    let memory = unsafe try NativeBuffer(byteCount: 5_000, arena: arena).unsafeDetach()
    #expect(unsafe memory.isFreedByC == (ProcessMalloc.owner == .jemalloc))
    if let preloaded = ProcessInfo.processInfo.environment["LD_PRELOAD"], Self.allocators.contains(preloaded) {
      #expect(unsafe memory.isFreedByC == (preloaded == "libjemalloc.so.2"))
    }
    unsafe memory.release()
    try arena.destroy()
  }
}
