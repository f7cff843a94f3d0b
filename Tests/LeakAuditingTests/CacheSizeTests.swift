// SPDX-License-Identifier: Apache-2.0

import Finalization
import LeakAuditing
import NativeBuffers
import TestSupport
import Testing

@Suite("The memory that a cache counts")
struct CacheSizeTests {
  @Test("A buffer says what its block takes, as the allocator counts it, until it is disposed")
  func blocks() throws {
    let arena = try Arena(name: "sizes")
    let sizes = [0, 1, 64, 65, 128, 129, 4_097, 70_000, 1 << 20, (1 << 20) + 1]
    let buffers = try sizes.map { try NativeBuffer(byteCount: $0, arena: arena) }
    let unique = try UniqueBuffer(byteCount: 5_000, arena: arena)
    var sum = unique.allocatedByteCount
    for buffer in buffers {
      #expect(buffer.allocatedByteCount >= max(1, buffer.byteCount))
      sum += buffer.allocatedByteCount
    }
    let books = try #require(try LeakAuditor.audit().arenas.first { $0.index == Int(arena.index) })
    #expect(books.difference == 0 && books.idle.count == 0 && books.allocatorByteCount == sum)
    unique.dispose()
    do {
      let pin = try buffers[3].pin()
      for buffer in buffers { buffer.dispose() }
      #expect(buffers.allSatisfy { $0.allocatedByteCount == 0 } && pin.byteCount == 65)
    }
    arena.trim()
    try arena.destroy()
  }

  @Test("A buffer of a writer says its room, too, and adopted memory its bytes")
  func otherMemory() throws {
    var writer = try NativeByteWriter(reserving: 10_000)
    try writer.append(contentsOf: [1, 2, 3])
    let written = writer.finish()
    #expect(written.byteCount == 3 && written.allocatedByteCount >= 10_000)
    written.dispose()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 1)
    let adopted = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 100) { unsafe $0.deallocate() }
    #expect(adopted.allocatedByteCount == 100)
    adopted.dispose()
    let resource = try NativeResource(1, byteCount: 33) { _ in }
    #expect(resource.allocatedByteCount == 33)
    resource.dispose()
    #expect(resource.allocatedByteCount == 0)
  }

  @Test("The limit of a cache counts blocks, not the bytes that were asked for, if no closure counts something else")
  func limit() throws {
    let block = try NativeBuffer(byteCount: 65)
    let size = block.allocatedByteCount
    block.dispose()
    try #require(size > 65)
    let cache = ResourceCache<Int, NativeBuffer>(name: "blocks", strongByteLimit: 3 * size)
    let asked = ResourceCache<Int, NativeBuffer>(name: "asked", strongByteLimit: 3 * size) { $0.byteCount }
    for key in 0..<4 {
      _ = try cache.value(for: key) { try NativeBuffer(byteCount: 65) }
      _ = try asked.value(for: key) { try NativeBuffer(byteCount: 65) }
    }
    #expect(cache.strongByteCount == 3 * size && cache.statistics.evictions == 1)
    #expect(asked.strongByteCount == 4 * 65 && asked.statistics.evictions == 0)
  }

  /// A client's class that passes on what its resources take.
  private final class Page: CacheableResource, Sendable {
    let text: NativeBuffer
    let picture: NativeBuffer
    init() throws {
      text = try NativeBuffer(byteCount: 1_000)
      picture = try NativeBuffer(byteCount: 100_000)
    }
    func setHeldByCache(_ isHeld: Bool) {
      text.setHeldByCache(isHeld)
      picture.setHeldByCache(isHeld)
    }
    var allocatedByteCount: Int { text.allocatedByteCount + picture.allocatedByteCount }
    deinit {
      text.dispose()
      picture.dispose()
    }
  }

  /// A class from before that protocol's second member, which does not say what it takes.
  private final class Silent: CacheableResource, Sendable {
    func setHeldByCache(_ isHeld: Bool) {}
  }

  private final class Plain: Sendable {}

  @Test("A class counts what it says; one that says nothing counts 1, so that the tier holds a limited number")
  func classes() throws {
    let pages = ResourceCache<Int, Page>(name: "pages", strongByteLimit: 1 << 20)
    let page = try pages.value(for: 1) { try Page() }
    #expect(pages.strongByteCount == page.allocatedByteCount && page.allocatedByteCount > 101_000)
    let silent = ResourceCache<Int, Silent>(name: "silent", strongByteLimit: 3)
    let plain = ResourceCache<Int, Plain>(name: "plain", strongByteLimit: 3)
    for key in 0..<5 {
      _ = try silent.value(for: key) { Silent() }
      _ = try plain.value(for: key) { Plain() }
    }
    #expect(silent.strongByteCount == 3 && plain.strongByteCount == 3)
    #expect(silent.statistics.evictions == 2 && plain.statistics.evictions == 2)
  }
}
