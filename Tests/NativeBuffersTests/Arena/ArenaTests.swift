// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Testing

@testable import NativeBuffers

@Suite("Arenas")
struct ArenaTests {
  @Test("Every size class agrees with jemalloc's own table")
  func sizeClasses() throws {
    let small = Int(try Mallctl.read("arenas.nbins", as: UInt32.self))
    let large = Int(try Mallctl.read("arenas.nlextents", as: UInt32.self))
    #expect(small + large == SizeClass.count)
    for index in 0..<SizeClass.count {
      let key = index < small ? "arenas.bin.\(index).size" : "arenas.lextent.\(index - small).size"
      let size = Int(try Mallctl.read(key, as: size_t.self))
      #expect(SizeClass.byteCount(at: index) == size)
      #expect(SizeClass.index(holding: size) == index)
      if index > 0 { #expect(SizeClass.index(holding: SizeClass.byteCount(at: index - 1) + 1) == index) }
    }
  }

  @Test(
    "A configuration with a value that makes no sense is refused, and the error names the value",
    arguments: [
      Duration.seconds(Int64.min), .nanoseconds(-1), .seconds(10_000_000_001), .seconds(Int64.max),
    ])
  func invalidConfiguration(value: Duration) {
    let configurations: [(String, Arena.Configuration)] = [
      ("dirtyDecay", .init(dirtyDecay: value)), ("muzzyDecay", .init(muzzyDecay: value)),
      ("idleTime", .init(idleTime: value)), ("idleByteLimit", .init(idleByteLimit: -1)),
      ("oversizeThreshold", .init(oversizeThreshold: .min)),
    ]
    for (property, configuration) in configurations {
      let error = #expect(throws: ArenaError.self) { try Arena(name: "senseless", configuration: configuration) }
      guard case .invalidConfiguration(property, _) = error?.reason else {
        Issue.record("\(property): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("jemalloc gets times in milliseconds: parts of a millisecond are rounded up, and only nil becomes -1")
  func milliseconds() {
    #expect(Arena.Configuration.milliseconds(nil) == -1)
    #expect(Arena.Configuration.milliseconds(.zero) == 0)
    #expect(Arena.Configuration.milliseconds(.nanoseconds(1)) == 1)
    #expect(Arena.Configuration.milliseconds(.milliseconds(1_500)) == 1_500)
    #expect(Arena.Configuration.milliseconds(.seconds(10_000_000_000)) == 10_000_000_000_000)
  }

  @Test("An arena asks for huge pages only if its configuration says so, and only inside its own blocks")
  func hugePages() throws {
    let byteCount = 8 << 20
    for prefersHugePages in [true, false] {
      let arena = try Arena(name: "pages", configuration: .init(prefersHugePages: prefersHugePages))
      let pointer = unsafe try arena.unsafeAllocate(byteCount: byteCount)
      defer { unsafe arena.unsafeDeallocate(pointer) }
      let block = UInt(bitPattern: pointer)..<UInt(bitPattern: pointer) + UInt(byteCount)
      // "hg" among a mapping's flags says that the kernel was asked for huge pages.
      let asked = try Self.mappings().filter { $0.flags.contains("hg") && block.overlaps($0.range) }
      #expect(asked.isEmpty == !prefersHugePages)
      for mapping in asked {
        #expect(mapping.range.lowerBound >= block.lowerBound && mapping.range.upperBound <= block.upperBound)
      }
    }
  }

  private static func mappings() throws -> [(range: Range<UInt>, flags: [Substring])] {
    var result: [(Range<UInt>, [Substring])] = []
    var range: Range<UInt> = 0..<0
    // The file is read by a handle. If it were read by its size, which is 0, it would be cut short.
    let file = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
    let text = String(decoding: try #require(try file.readToEnd()), as: UTF8.self)
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      if line.hasPrefix("VmFlags:") { result.append((range, Array(fields.dropFirst()))) }
      let ends = (fields.first ?? "").split(separator: "-").compactMap { UInt($0, radix: 16) }
      if ends.count == 2 { range = ends[0]..<ends[1] }
    }
    return result
  }

  @Test("The class computed for a request is the class the allocator uses", arguments: [1, 64, 4096, 2 << 20])
  func requestedClass(alignment: Int) throws {
    let arena = try Arena(name: "classes")
    var seed = SystemRandomNumberGenerator()
    let sizes =
      [0, 1, 63, 64, 65, 80, 128, 4095, 4096, 14_337, 16_385, 33_177_600]
      + (0..<30).map { _ in
        Int.random(in: 1...5_000_000, using: &seed)
      }
    for size in sizes {
      let pointer = unsafe try arena.unsafeAllocate(byteCount: size, alignment: alignment)
      #expect(UInt(bitPattern: pointer) % UInt(alignment) == 0, "size \(size)")
      let counts = try arena.counts()
      let expected = try Arena.Request(byteCount: size, alignment: alignment).capacity
      #expect(counts.liveCounts[SizeClass.index(holding: expected)] == 1, "size \(size)")
      #expect(counts.count == 1 && counts.byteCount == expected, "size \(size)")
      unsafe arena.unsafeDeallocate(pointer)
    }
    try arena.destroy()
  }

  @Test("Counts are exact: one allocation is counted as one")
  func exactCounts() throws {
    let arena = try Arena(name: "exact")
    #expect(try arena.counts().count == 0)
    let pointers = unsafe try (0..<10).map { _ in unsafe try arena.unsafeAllocate(byteCount: 100) }
    #expect(try arena.counts().count == 10)
    #expect(try arena.counts().byteCount == 1_280)
    unsafe pointers.forEach { unsafe arena.unsafeDeallocate($0) }
    #expect(try arena.counts().count == 0)
    try arena.destroy()
  }

  @Test("jemalloc uses the settings with which the arena was created")
  func settings() throws {
    let arena = try Arena(
      name: "settings",
      configuration: .init(oversizeThreshold: 1 << 40, dirtyDecay: .milliseconds(1_234), muzzyDecay: .milliseconds(77)))
    #expect(try Mallctl.read("arena.\(arena.index).oversize_threshold", as: size_t.self) == 1 << 40)
    #expect(try Mallctl.read("arena.\(arena.index).dirty_decay_ms", as: ssize_t.self) == 1_234)
    #expect(try Mallctl.read("arena.\(arena.index).muzzy_decay_ms", as: ssize_t.self) == 77)
    try arena.destroy()
  }

  @Test("The pages of a freed frame stay until a purge returns them")
  func purge() throws {
    let arena = try Arena(name: "purge")
    let pointer = unsafe try arena.unsafeAllocate(byteCount: 33_177_600)
    unsafe pointer.initializeMemory(as: UInt8.self, repeating: 1, count: 33_177_600)
    unsafe arena.unsafeDeallocate(pointer)
    #expect(try arena.counts().dirty > 33_000_000)
    try arena.purge()
    #expect(try arena.counts().dirty == 0)
    try arena.destroy()
  }

  @Test("Decay leaves pages whose time is not over, and gives the others back")
  func decay() throws {
    let byteCount = 33_177_600
    let cases: [(dirtyDecay: Duration?, isOver: Bool)] = [(nil, false), (.milliseconds(1), true)]
    for (time, isOver) in cases {
      let arena = try Arena(name: "decay", configuration: .init(dirtyDecay: time))
      let pointer = unsafe try arena.unsafeAllocate(byteCount: byteCount)
      unsafe arena.unsafeDeallocate(pointer)
      try arena.decay()
      // Nothing else gives pages back: the arena has no depot, and jemalloc's timer only runs while threads allocate.
      if isOver { while try arena.counts().dirty > 0 { try arena.decay() } }
      #expect(try arena.counts().dirty >= (isOver ? 0 : byteCount))
      try arena.destroy()
    }
  }

  @Test("Pages that were never touched count as dirty, and take no memory")
  func untouchedPages() throws {
    let arena = try Arena(name: "untouched", configuration: .init(dirtyDecay: nil))
    let pointer = unsafe try arena.unsafeAllocate(byteCount: 64 << 30)
    unsafe arena.unsafeDeallocate(pointer)
    #expect(try arena.counts().dirty >= 64 << 30)
    #expect(ProcessMemory.residentByteCount < 32 << 30)
    try arena.destroy()
  }

  @Test("An arena can be destroyed once, and not while blocks live; after that, it refuses every operation")
  func destroy() throws {
    let arena = try Arena(name: "doomed")
    let pointer = unsafe try arena.unsafeAllocate(byteCount: 1_000)
    #expect(throws: ArenaError(.blocksLive(count: 1, byteCount: 1_024), arena: "doomed")) { try arena.destroy() }
    unsafe arena.unsafeDeallocate(pointer)
    try arena.destroy()
    #expect(throws: ArenaError(.destroyed, arena: "doomed")) { try arena.destroy() }
    #expect(throws: ArenaError(.destroyed, arena: "doomed")) { _ = unsafe try arena.unsafeAllocate(byteCount: 1) }
    #expect(throws: ArenaError(.destroyed, arena: "doomed")) { _ = try arena.counts() }
    #expect(throws: ArenaError(.destroyed, arena: "doomed")) { try arena.purge() }
    #expect(throws: ArenaError(.destroyed, arena: "doomed")) { try arena.decay() }
  }

  @Test("The error of a failed mallctl names its key and errno")
  func mallctlErrors() throws {
    #expect(throws: ArenaError(.mallctl(key: "no.such.key", errno: 2))) { try Mallctl.call("no.such.key") }
    #expect(throws: ArenaError(.mallctl(key: "arena.99999.purge", errno: 2))) { try Mallctl.call("arena.99999.purge") }
    #expect(throws: ArenaError(.mallctl(key: "opt.abort", errno: 1))) { try Mallctl.write("opt.abort", true) }
    let text = String(describing: ArenaError(.mallctl(key: "no.such.key", errno: 2)))
    #expect(text == "jemalloc refused \"no.such.key\" with errno 2 (No such file or directory).")
  }

  @Test("Sizes and alignments out of range are refused, the error names them, and nothing is allocated")
  func badRequests() throws {
    let arena = try Arena(name: "bad")
    for alignment in [0, -1, 3, 48, 4 << 20] {
      #expect(throws: ArenaError(.invalidAlignment(alignment))) {
        _ = unsafe try arena.unsafeAllocate(byteCount: 1, alignment: alignment)
      }
    }
    for size in [-1, Int.min, Int.max, Int.max - 63] {
      #expect(throws: ArenaError(.invalidByteCount(size))) { _ = unsafe try arena.unsafeAllocate(byteCount: size) }
    }
    let shortage = MemoryShortage(.addresses)
    #expect(throws: ArenaError(.outOfMemory(byteCount: 1 << 47, alignment: 64), arena: "bad", shortage: shortage)) {
      _ = unsafe try arena.unsafeAllocate(byteCount: 1 << 47)
    }
    #expect(try arena.counts().count == 0)
    try arena.destroy()
  }

  @Test(
    "Freeing an address of the process's malloc ends the program, and the message names the arena",
    .enabled(if: MallocCapture.isAvailable, "jemalloc cannot be asked about addresses that it never had"))
  func foreignFree() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let arena = try Arena(name: "mine")
      let foreign = unsafe malloc(64)
      if let foreign = unsafe foreign { unsafe arena.unsafeDeallocate(foreign) }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("was given to arena \"mine\""))
  }

  @Test(
    "A capture counts what C calls on this thread leave behind",
    .enabled(if: MallocCapture.isAvailable, "needs jemalloc's malloc, as LD_PRELOAD=libjemalloc.so.2 gives it"))
  func capture() throws {
    let clean = try MallocCapture.run {
      for size in [10, 1_000, 100_000] { unsafe free(malloc(size)) }
      if let file = unsafe fopen("/proc/self/status", "r") { unsafe fclose(file) }
    }
    #expect(clean.remainder == .init(count: 0, byteCount: 0))
    let leaky = unsafe try MallocCapture.run { unsafe (strdup("left behind"), realloc(malloc(10), 5_000)) }
    let remainder = unsafe leaky.remainder
    #expect(remainder == .init(count: 2, byteCount: 16 + 5_120))
    unsafe free(leaky.result.0)
    unsafe free(leaky.result.1)
    struct Failure: Error {}
    #expect(throws: Failure.self) { _ = try MallocCapture.run { throw Failure() } }
  }

  @Test("Arenas are listed until they are destroyed, even if no reference to them is left")
  func directory() throws {
    var arena: Arena? = try Arena(name: "listed")
    let domain = try #require(arena).domain
    arena = nil
    #expect(ArenaDirectory.all.contains { $0.domain == domain })
    try #require(ArenaDirectory.all.first { $0.domain == domain }).destroy()
    #expect(!ArenaDirectory.all.contains { $0.domain == domain })
  }
}
