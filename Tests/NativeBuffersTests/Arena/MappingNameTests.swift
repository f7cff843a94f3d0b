// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import TestSupport
import Testing

@testable import NativeBuffers

/// Names that the test's own kernel was asked to give.
private let named = Log<(range: Range<UInt>, name: String)>()

@Suite("Names of an arena's mappings")
struct MappingNameTests {
  private static let byteCount = 1 << 20

  @Test("A name has only what the kernel takes")
  func characters() {
    #expect(Mallctl.mappingName(ofArena: "frames 1") == "native-buffers:frames 1")
    #expect(Mallctl.mappingName(ofArena: "a[b]\\c`d$e\n\u{E4}\u{1F600}") == "native-buffers:a?b??c?d?e???")
    #expect(Mallctl.mappingName(ofArena: String(repeating: "x", count: 200)).utf8.count == 79)
  }

  @Test("If the kernel gives names, all that an arena maps gets its name, and the arena works as without")
  func hooks() async {
    await #expect(processExitsWith: .success) {
      unsafe cjemalloc_set_naming { address, size, name in
        let start = UInt(bitPattern: address)
        named.add((start..<start + UInt(size), unsafe String(cString: name)))
        errno = EINVAL
        return -1
      }
      let arena = try Arena(name: "frames", configuration: .init(dirtyDecay: nil, idleTime: nil))
      for _ in 0..<3 {
        let before = named.count
        let buffers = try (0..<64).map { _ in
          try NativeBuffer(uninitializedByteCount: MappingNameTests.byteCount, arena: arena)
        }
        for buffer in buffers {
          let range = try unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe bytes.initializeMemory(as: UInt8.self, repeating: 7)
            let start = UInt(bitPattern: bytes.baseAddress)
            return start..<start + UInt(bytes.count)
          }
          #expect(named.all.contains { $0.range.overlaps(range) && $0.name == "native-buffers:frames" })
        }
        // Memory is mapped in the first round alone; then the arena uses it again.
        if before > 0 { #expect(named.count == before) }
        for buffer in buffers { buffer.dispose() }
        arena.trim()
        #expect(try arena.counts().dirty >= 64 * MappingNameTests.byteCount)
        // Used pages, filled with zeros again.
        let zeroed = try NativeBuffer(byteCount: MappingNameTests.byteCount, arena: arena)
        #expect(try unsafe zeroed.withUnsafeBytes { unsafe $0.allSatisfy { $0 == 0 } })
        zeroed.dispose()
        arena.trim()
        try arena.purge()
        let counts = try arena.counts()
        #expect(counts.dirty == 0 && counts.muzzy == 0 && counts.count == 0)
        #expect(counts.retained >= 64 * MappingNameTests.byteCount)
        arena._checkInvariants()
      }
      let index = arena.index
      try arena.destroy()
      // An arena that gets the number of the first one has a name of its own.
      let next = try Arena(name: "next")
      #expect(next.index == index)
      let buffer = try NativeBuffer(byteCount: MappingNameTests.byteCount, arena: next)
      #expect(named.all.last?.name == "native-buffers:next")
      buffer.dispose()
      try next.destroy()
    }
  }

  @Test("A limit on what the process may map, and names, go together")
  func limited() async {
    await #expect(processExitsWith: .success) {
      unsafe cjemalloc_set_naming { _, size, _ in
        named.add((0..<UInt(size), ""))
        return 0
      }
      MemoryLimit.set(to: 4 << 30)
      let arena = try Arena(name: "limited")
      for _ in 0..<100 {
        let buffer = try NativeBuffer(byteCount: 3 << 20, arena: arena)
        buffer.dispose()
        arena.trim()
        try arena.purge()
      }
      #expect(named.count >= 100, "each time, what was given back is mapped again")
      #expect(try arena.counts().retained == 0)
      try arena.destroy()
    }
  }

  @Test(
    "The kernel shows the names",
    .enabled(
      if: cjemalloc_names_mappings(), "This kernel gives no names to memory: it has no CONFIG_ANON_VMA_NAME."))
  func kernel() throws {
    let arena = try Arena(name: "shown by the kernel")
    let buffer = try NativeBuffer(byteCount: Self.byteCount, arena: arena)
    defer { buffer.dispose() }
    let maps = try Command.run("/bin/cat", ["/proc/\(getpid())/maps"]).output
    #expect(maps.contains("[anon:native-buffers:shown by the kernel]"))
  }

  @Test("Without names, an arena keeps jemalloc's own hooks")
  func noHooks() async throws {
    await #expect(processExitsWith: .success) {
      cjemalloc_set_naming(nil)
      let arena = try Arena(name: "plain")
      func hooks(_ index: UInt32) throws -> UInt { try Mallctl.read("arena.\(index).extent_hooks") }
      #expect(try hooks(arena.index) == hooks(0))
      try arena.destroy()
    }
  }
}
