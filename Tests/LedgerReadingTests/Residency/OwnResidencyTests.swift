// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

@testable import LedgerReading
@testable import ledger_trials

/// Each test has a process of its own, which looks at itself or at a child.
@Suite(
  "The sum of the own process",
  .enabled(if: ProcessMalloc.owner != .another, "A sanitizer maps terabytes, and mimalloc reserves gigabytes."))
struct OwnResidencyTests {
  private static let byteCount = 8 << 20

  private static func arena(dirtyDecay: Duration? = nil) throws -> Arena {
    try Arena(name: "own", configuration: .init(dirtyDecay: dirtyDecay, muzzyDecay: nil, idleTime: nil))
  }

  private static func sum(_ arena: Arena, of process: Int32 = getpid()) throws -> ResidentSum {
    let ledger = Ledger.shared.addressRange
    let sum = try ResidentSum(
      ofProcess: process, blocks: MemoryBlock.all(in: .shared), allocator: ResidencyTrial.allocatorMemory(of: arena),
      pageByteCount: Int(sysconf(Int32(_SC_PAGESIZE)))
    ) { $0.range.overlaps(ledger) }
    #expect(sum.rows.reduce(0) { $0 + $1.resident } == sum.total)
    return sum
  }

  private static func fill(_ buffer: NativeBuffer) throws {
    try unsafe buffer.withUnsafeMutableBytes { bytes in
      _ = unsafe bytes.initializeMemory(as: UInt8.self, repeating: 1)
    }
  }

  @Test("Buffers that were filled are resident as a whole, as live and then as idle memory")
  func filled() async {
    await #expect(processExitsWith: .success) {
      let arena = try OwnResidencyTests.arena()
      let buffer = try NativeBuffer(uninitializedByteCount: OwnResidencyTests.byteCount, arena: arena)
      #expect(try OwnResidencyTests.sum(arena)[.live]?.resident == 0)
      try OwnResidencyTests.fill(buffer)
      #expect(try OwnResidencyTests.sum(arena)[.live]?.resident == OwnResidencyTests.byteCount)
      buffer.dispose()
      let sum = try OwnResidencyTests.sum(arena)
      #expect(sum[.idle]?.resident == OwnResidencyTests.byteCount)
      #expect(sum[.live]?.resident == 0)
    }
  }

  @Test("Memory that was only read has the kernel's page of zeros, and is not resident")
  func zeros() async {
    await #expect(processExitsWith: .success) {
      let arena = try OwnResidencyTests.arena()
      let buffer = try NativeBuffer(byteCount: OwnResidencyTests.byteCount, arena: arena)
      #expect(try unsafe buffer.withUnsafeBytes { unsafe $0.allSatisfy { $0 == 0 } })
      let sum = try OwnResidencyTests.sum(arena)
      #expect(sum[.live] == .init(term: .live, resident: 0, size: OwnResidencyTests.byteCount))
      buffer.dispose()
    }
  }

  @Test("A forked child has the pages that it shares with its parent")
  func forked() async {
    await #expect(processExitsWith: .success) {
      let arena = try OwnResidencyTests.arena()
      let buffer = try NativeBuffer(uninitializedByteCount: OwnResidencyTests.byteCount, arena: arena)
      try OwnResidencyTests.fill(buffer)
      let child = Forking.fork()
      if child == 0 { while true { pause() } }
      #expect(try OwnResidencyTests.sum(arena, of: child)[.live]?.resident == OwnResidencyTests.byteCount)
      #expect(try OwnResidencyTests.sum(arena)[.live]?.resident == OwnResidencyTests.byteCount)
      kill(child, SIGKILL)
      _ = Forking.status(of: child)
      buffer.dispose()
    }
  }

  @Test("Pages that jemalloc offered to the kernel, and that the kernel has not taken, are muzzy")
  func muzzy() async {
    await #expect(processExitsWith: .success) {
      let arena = try OwnResidencyTests.arena(dirtyDecay: .zero)
      MaintenanceThread.turnOff()
      // If pages are to be given back at once, jemalloc does not offer them before. It does if the time until then is
      // changed while there are such pages.
      arena.setPurgesItself(false)
      let buffer = try NativeBuffer(uninitializedByteCount: OwnResidencyTests.byteCount, arena: arena)
      try OwnResidencyTests.fill(buffer)
      buffer.dispose()
      arena.trim()
      arena.setPurgesItself(true)
      let sum = try OwnResidencyTests.sum(arena)
      let row = sum[.muzzy]
      #expect((row?.size ?? 0) >= OwnResidencyTests.byteCount)
      // The kernel notes such pages some at a time.
      #expect((row?.resident ?? 0) >= OwnResidencyTests.byteCount / 2)
    }
  }
}
