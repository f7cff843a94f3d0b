// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Testing

@testable import NativeBuffers

@Suite("UniqueBuffer")
struct UniqueBufferTests {
  @Test("Bytes that were written through a unique buffer's span are read back, and dispose releases at once")
  func bytes() throws {
    let arena = try Arena(name: "unique")
    var buffer = try UniqueBuffer(byteCount: 100, arena: arena)
    var bytes = buffer.mutableBytes
    bytes.storeBytes(of: 5, toByteOffset: 99, as: UInt8.self)
    #expect(unsafe buffer.bytes.unsafeLoad(fromByteOffset: 99, as: UInt8.self) == 5)
    #expect(buffer.byteCount == 100)
    buffer.dispose()
    #expect(arena.rescueCount == 0)
    #expect(arena.trim() == 128)
    try arena.destroy()
  }

  @Test("A unique buffer that goes out of scope is rescued")
  func rescue() throws {
    let arena = try Arena(name: "unique")
    do { _ = try UniqueBuffer(byteCount: 100, arena: arena).byteCount }
    #expect(arena.rescueCount == 1)
    try arena.destroy()
  }

  @Test("A buffer that becomes shared keeps its memory, entry and line")
  func share() throws {
    let arena = try Arena(name: "unique")
    let unique = try UniqueBuffer(byteCount: 100, arena: arena) { $0.append(UInt8(8)) }; let line = #line
    let shared = unique.share()
    #expect(shared.site.line == line)
    let value1 = try shared.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) }
    #expect(value1 == 8)
    #expect(shared.dispose())
    #expect(arena.rescueCount == 0)
    try arena.destroy()
  }
}
