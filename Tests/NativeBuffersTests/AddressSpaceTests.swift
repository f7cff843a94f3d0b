// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers
@testable import ResourceLedger

// How the library behaves if the process may map only a limited amount of memory, as after `ulimit -v`. The limit is
// set in a child before its first use of the library. A sanitizer maps terabytes for itself, and cannot be limited in
// this way.

@Suite(
  "A limit on address space",
  .enabled(
    if: ProcessMalloc.owner != .another, "A sanitizer maps terabytes for itself, and mimalloc reserves gigabytes."))
struct AddressSpaceTests {
  private static let block = 4 << 20

  /// Buffers until there is no room for more, and the error that said so.
  private static func exhaust() -> (buffers: [NativeBuffer], error: NativeBufferError?) {
    var buffers: [NativeBuffer] = []
    buffers.reserveCapacity(4_096)
    do throws(NativeBufferError) {
      while true { buffers.append(try NativeBuffer(uninitializedByteCount: block)) }
    } catch { return (buffers, error) }
  }

  /// Memory of `malloc`, in pieces of a MiB, until there is no more or there is enough.
  // SAFETY: the pointers are malloc's, and freed once.
  @safe private struct Pieces {
    private(set) var byteCount = 0
    /// Each piece begins with the address of the piece before, because an array would need memory, too.
    private var last: UnsafeMutableRawPointer?

    init(atMost limit: Int) {
      while byteCount < limit, let piece = unsafe malloc(1 << 20) {
        unsafe piece.storeBytes(of: last, as: UnsafeMutableRawPointer?.self)
        unsafe last = unsafe piece
        byteCount += 1 << 20
      }
    }

    func free() {
      var next = unsafe last
      while let piece = unsafe next {
        unsafe next = unsafe piece.load(as: UnsafeMutableRawPointer?.self)
        unsafe Glibc.free(piece)
      }
    }
  }

  /// Runs a closure in a child that may map this many bytes more, and returns its result.
  private static func inChild(_ byteCount: Int, _ body: () -> Int) throws -> Int {
    var ends: [Int32] = [-1, -1]
    try #require(unsafe pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    var result = 0
    let child = Forking.fork(secondsOfChild: 60)
    if child == 0 {
      MemoryLimit.set(to: byteCount)
      result = body()
      _exit(unsafe write(ends[1], &result, MemoryLayout<Int>.size) == MemoryLayout<Int>.size ? 0 : 1)
    }
    try #require(Forking.status(of: child) == 0)
    try #require(unsafe read(ends[0], &result, MemoryLayout<Int>.size) == MemoryLayout<Int>.size)
    return result
  }

  @Test("A higher limit never gives less memory")
  func monotone() async {
    await #expect(processExitsWith: .success) {
      var before = 0
      // Some of these are close to the limit from which on the ledger has room for 16,777,216 entries.
      for mebibytes in [64, 128, 256, 700, 820, 900, 1_000, 1_040, 1_080, 1_120, 1_200, 1_400, 2_000, 2_900] {
        let obtained = try Self.inChild(mebibytes << 20) { Self.exhaust().buffers.count * Self.block }
        #expect(obtained >= before, "\(mebibytes) MiB")
        // This leaves out the smallest ledger, the first memory of the arena and of malloc, and a tenth for larger
        // ones.
        #expect(obtained >= ((mebibytes - 48) << 20) / 10 * 9, "\(mebibytes) MiB")
        before = obtained
      }
    }
  }

  @Test("The ledger takes a sixteenth of the address space that is left, and its error says so")
  func ledger() async {
    await #expect(processExitsWith: .success) {
      #expect(Ledger.capacity(reservable: nil) == 1 << 24)
      #expect(Ledger.capacity(reservable: 1 << 40) == 1 << 24)
      #expect(Ledger.capacity(reservable: 1 << 20) == 1 << 12)
      var before = 0
      for shift in 20...40 {
        let capacity = Ledger.capacity(reservable: 1 << shift)
        #expect(capacity >= before)
        before = capacity
      }
      let obtained = try Self.inChild(600 << 20) { Ledger.shared.entryCapacity }
      #expect((200_000...320_000).contains(obtained))
      let full = String(describing: LedgerError(.full(entryCapacity: obtained)))
      #expect(full.contains("the ledger is full") && full.contains("ulimit -v"))
      #expect(!String(describing: LedgerError(.full(entryCapacity: 1 << 24))).contains("ulimit"))
    }
  }

  @Test("The ledger takes a sixteenth of what is left, however little that is, and has an entry for each 2.5 KiB of it")
  func smallLedgers() async {
    await #expect(processExitsWith: .success) {
      for megabytes in [64, 100, 200, 300, 400, 500, 1_000] {
        let limit = megabytes * 1_000_000
        let capacity = try Self.inChild(limit) { Ledger.shared.entryCapacity }
        #expect(capacity * 2_560 >= limit, "\(megabytes) MB")
        let taken = try Self.inChild(limit) {
          let before = ProcessMemory.reservableByteCount ?? 0
          _ = Ledger.shared
          return before - (ProcessMemory.reservableByteCount ?? 0)
        }
        // The memory that malloc maps for the ledger's own objects counts, too.
        #expect((limit / 32...limit / 16 + 1 << 20).contains(taken), "\(megabytes) MB")
        // The smallest ledger names 4,095 lines, and the library uses the first of them.
        let named = try Self.inChild(limit) {
          let buffers = (1...4_200).compactMap { try? NativeBuffer(uninitializedByteCount: 64, line: UInt($0)) }
          return buffers.count { $0.site != .unknown }
        }
        #expect(named >= min(4_000, capacity / 4 - 200), "\(megabytes) MB")
      }
    }
  }

  @Test("The error says whether address space or private memory is short, and how much the process may have")
  func shortage() async {
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(to: 300 << 20)
      let error = Self.exhaust().error
      guard error?.shortage?.code == .addressSpace, let limit = error?.shortage?.limit else {
        fatalError("\(String(describing: error))")
      }
      #expect(String(describing: error).contains("address space is short: the process may map \(limit) bytes"))
      #expect(error?.reason == .outOfMemory(byteCount: Self.block, alignment: 64))
    }
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(.data, to: 300 << 20)
      let error = Self.exhaust().error
      guard error?.shortage?.code == .privateMemory, error?.shortage?.limit != nil else {
        fatalError("\(String(describing: error))")
      }
    }
  }

  @Test(
    "A buffer larger than the address space of any process is refused for that reason, and the error names no limit")
  func moreThanAllAddresses() async {
    await #expect(processExitsWith: .success) {
      // jemalloc's size classes round the second size up to the first.
      for byteCount in [1 << 47, 7 << 44 + 1, 1 << 60] {
        let error = #expect(throws: NativeBufferError.self) { try NativeBuffer(byteCount: byteCount) }
        #expect(error?.reason == .outOfMemory(byteCount: byteCount, alignment: 64))
        #expect(error?.shortage?.code == .addresses)
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("no 64-bit process has so many addresses, whatever its limits are"))
        #expect(text.hasSuffix("It can only help to ask for less."))
        #expect(!text.contains("ulimit") && !text.contains("raise the limit"))
      }
    }
  }

  @Test("If there is no room for the smallest ledger, or for the shared arena, a buffer is refused with an error")
  func noLedger() async {
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(to: 2 << 20)
      var refusal: NativeBufferError?
      do throws(NativeBufferError) { _ = try NativeBuffer(byteCount: 100) } catch { refusal = error }
      guard case .ledger(let ledger)? = refusal?.reason, case .reservationFailed = ledger.reason else { exit(2) }
      guard refusal?.created.file == "NativeBuffersTests/AddressSpaceTests.swift" else { exit(3) }
      do throws(ArenaError) { _ = try Arena(name: "none") } catch { exit(error.reason == .ledger(ledger) ? 0 : 4) }
      exit(5)
    }
    // There is room for the ledger, but not for the memory that is reserved for malloc.
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(to: 8 << 20)
      var refusal: NativeBufferError?
      do throws(NativeBufferError) { _ = try NativeBuffer(byteCount: 100) } catch { refusal = error }
      switch refusal?.reason {
      case .outOfMemory(byteCount: 100, alignment: 64)?: exit(0)
      case .arena(let error)?: exit(error.code == .noRoomForArena ? 0 : 2)
      default: exit(3)
      }
    }
  }

  @Test("The idle memory of one arena is given back if another arena needs memory")
  func otherArenas() async {
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(to: 600 << 20)
      MaintenanceThread.turnOff()
      let first = try Arena(name: "first", configuration: .init(idleByteLimit: .max))
      let live = try (0..<60).map { _ in try NativeBuffer(uninitializedByteCount: Self.block, arena: first) }
      for buffer in live { buffer.dispose() }
      #expect(try first.counts().count > 0, "some of it is idle")
      let second = try Arena(name: "second")
      let needed = try (0..<110).map { _ in try NativeBuffer(uninitializedByteCount: Self.block, arena: second) }
      #expect(needed.count == 110)
      #expect(try first.counts().count == 0)
    }
  }

  @Test("A full ledger gets entries back from the idle blocks of all arenas")
  func idleEntries() async {
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(to: 32 << 20)
      Maintenance.beginByHand()
      #expect(Ledger.shared.entryCapacity == 4_096)
      let first = try Arena(name: "first")
      let live = try (0..<4_000).map { _ in try NativeBuffer(uninitializedByteCount: 64, arena: first) }
      for buffer in live { buffer.dispose() }
      #expect(try first.counts().count == 4_000)
      let second = try Arena(name: "second")
      let needed = try (0..<2_000).map { _ in try NativeBuffer(uninitializedByteCount: 64, arena: second) }
      #expect(needed.count == 2_000)
    }
  }

  @Test(
    "malloc can get as much memory as is idle; after that, the next look gives idle blocks back, and malloc gets more")
  func mallocBesideIdle() async {
    await #expect(processExitsWith: .success) {
      MemoryLimit.set(to: 800 << 20)
      Maintenance.beginByHand()
      let live = Self.exhaust().buffers
      let obtained = live.count * Self.block
      let depot = Arena.shared.depot
      var excess = 0
      for buffer in live {
        buffer.dispose()
        excess = max(excess, depot.idleByteCount - (ProcessMemory.mappableByteCount ?? 0))
      }
      // The depot asks before it keeps more. What the test itself maps meanwhile is less than a block.
      #expect(excess < Self.block)
      _ = Maintenance.pass(at: 0)
      let idle = depot.idleByteCount
      #expect(idle > 0)
      let pieces = Pieces(atMost: idle)
      #expect(pieces.byteCount == idle)
      let left = ProcessMemory.mappableByteCount ?? 0
      let next = Maintenance.pass(at: 1)
      #expect(next == 100_000_001, "it looks again soon")
      #expect(depot.idleByteCount <= (idle + left) / 2)
      let more = Pieces(atMost: .max)
      #expect(idle + more.byteCount >= obtained / 2)
      more.free()
      pieces.free()
      // Blocks that were not used for the idle time are given back as well, with their addresses.
      for step in 1...3 { _ = Maintenance.pass(at: UInt64(step) * 10_000_000_000) }
      #expect(depot.idleByteCount == 0)
      let retained = try Arena.shared.counts().retained
      #expect(retained <= 4 << 20)
      Arena.shared._checkInvariants()
    }
  }
}
