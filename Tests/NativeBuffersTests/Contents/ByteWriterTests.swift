// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import NativeBuffers

@Suite("Buffers that grow, and buffers of a closure")
struct ByteWriterTests {
  private struct Stop: Error {}

  let arena: Arena

  init() throws { arena = try Arena(name: "writer") }

  @Test("Bytes appended in every way arrive in order, in a buffer of exactly their number, with the writer's line")
  func appends() throws {
    var writer = try NativeByteWriter(arena: arena)
    let line = #line - 1
    var expected: [UInt8] = []
    for round in 0..<200 {
      let bytes = (0..<round).map { UInt8(truncatingIfNeeded: $0 &* round) }
      try writer.append(contentsOf: bytes)
      try writer.append(contentsOf: bytes.lazy.filter { $0 > 100 })
      unsafe try writer.append(bytes.span.bytes)
      try writer.append(UInt8(round))
      try writer.append(upTo: 10) { $0.append(7) }
      expected += bytes + bytes.filter { $0 > 100 } + bytes + [UInt8(round), 7]
      #expect(writer.count == expected.count && writer.capacity >= expected.count)
    }
    let matches = unsafe writer.bytes.withUnsafeBytes { unsafe Array($0) } == expected
    #expect(matches)
    let buffer = writer.finish()
    #expect(buffer.byteCount == expected.count)
    #expect(buffer.site.line == line)
    #expect(try [UInt8](buffer) == expected)
    arena._checkInvariants()
    buffer.dispose()
    finish()
  }

  @Test("A writer without bytes gives an empty buffer, and one that is dropped disposes its memory, which is no rescue")
  func ends() throws {
    let empty = try NativeByteWriter(arena: arena).finish()
    #expect(empty.byteCount == 0)
    empty.dispose()
    do {
      var writer = try NativeByteWriter(reserving: 1_000, arena: arena)
      try writer.append(1)
    }
    #expect(throws: Stop.self) {
      var writer = try NativeByteWriter(reserving: 10, arena: arena)
      try writer.append(contentsOf: [1, 2])
      do {
        try writer.append(upTo: 4) { span in
          span.append(9)
          throw Stop()
        }
      } catch {
        #expect(writer.count == 2)
        throw error
      }
    }
    #expect(arena.rescueCount == 0)
    finish()
  }

  @Test("A request that cannot be met throws, and what was appended stays")
  func refusals() throws {
    var writer = try NativeByteWriter(arena: arena)
    try writer.append(contentsOf: [1, 2, 3])
    for byteCount in [-1, Int.min, Int.max, 1 << 48] {
      #expect(throws: NativeBufferError.self) { try writer.reserve(byteCount) }
      #expect(throws: NativeBufferError.self) { try writer.append(upTo: byteCount) { _ in } }
    }
    try writer.reserve(0)
    let buffer = writer.finish()
    #expect(try [UInt8](buffer) == [1, 2, 3])
    buffer.dispose()
    #expect(throws: NativeBufferError.self) {
      let writer = try NativeByteWriter(reserving: -1, arena: arena)
      _ = writer.count
    }
    finish()
  }

  @Test("A buffer of a closure is disposed when the closure returns or throws, which is no rescue")
  func scoped() throws {
    let sum = try withUniqueBuffer(byteCount: 10, arena: arena) { buffer in
      #expect(buffer.site.function == "scoped()")
      var bytes = buffer.mutableSpan
      for index in bytes.indices { bytes[index] = UInt8(index) }
      return buffer.span[9]
    }
    #expect(sum == 9)
    #expect(throws: Stop.self) { try withUniqueBuffer(byteCount: 10, arena: arena) { _ in throw Stop() } }
    #expect(throws: NativeBufferError.self) { try withUniqueBuffer(byteCount: -1, arena: arena) { _ in } }
    // A closure may consume its buffer if it leaves another one.
    try withUniqueBuffer(byteCount: 10, arena: arena) { buffer in
      let other = try UniqueBuffer(byteCount: 20, arena: arena)
      buffer.dispose()
      buffer = other
    }
    #expect(arena.rescueCount == 0)
    finish()
  }

  private func finish() {
    #expect(throws: Never.self) { try arena.destroy() }
  }
}
