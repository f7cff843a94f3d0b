// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import NativeBuffers

/// Each function here throws only `NativeBufferError`, so it compiles only if the closures keep that type.
@Suite("Closures and the type of what they throw")
struct TypedClosureTests {
  private struct Other: Error {}

  private static func read(_ buffer: NativeBuffer) throws(NativeBufferError) -> Int {
    let slice = try buffer.slice(..<8)
    var sum = try buffer.withBytes { $0.byteCount } + slice.withBytes { $0.byteCount }
    sum += unsafe try buffer.withUnsafeBytes { $0.count } + slice.withUnsafeBytes { $0.count }
    sum += try buffer.withSpan(of: UInt32.self) { $0.count } + slice.withSpan(of: UInt32.self) { $0.count }
    return sum
  }

  private static func change(_ buffer: NativeBuffer) throws(NativeBufferError) {
    let slice = try buffer.slice(8...)
    try buffer.withMutableBytes { $0.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self) }
    try slice.withMutableBytes { $0.storeBytes(of: 2, toByteOffset: 0, as: UInt8.self) }
    unsafe try buffer.withUnsafeMutableBytes { unsafe $0[1] = 3 }
    unsafe try slice.withUnsafeMutableBytes { unsafe $0[1] = 4 }
    try buffer.withMutableSpan(of: UInt16.self) { $0[1] = 0x0505 }
    try slice.withMutableSpan(of: UInt16.self) { $0[1] = 0x0606 }
  }

  private static func make() throws(NativeBufferError) -> NativeBuffer {
    let count = try withUniqueBuffer(byteCount: 16) { $0.byteCount }
    var writer = try NativeByteWriter()
    try writer.append(upTo: count) { span in for _ in 0..<8 { span.append(9) } }
    writer.finish().dispose()
    let unique = try UniqueBuffer(byteCount: 4) { $0.append(1) }
    unique.dispose()
    return try NativeBuffer(byteCount: count) { _ in }
  }

  private static func nested(_ buffer: NativeBuffer) throws(NativeBufferError) -> Int {
    try buffer.withBytes { bytes throws(NativeBufferError) in
      try buffer.fill(with: 0)
      return bytes.byteCount
    }
  }

  @Test("A closure that throws nothing, or NativeBufferError, keeps the type")
  func typed() throws {
    let buffer = try Self.make()
    #expect(try Self.read(buffer) == 4 * 0 + 2 * (16 + 8) + 4 + 2)
    try Self.change(buffer)
    #expect(try [UInt8](buffer) == [1, 3, 5, 5, 0, 0, 0, 0, 2, 4, 6, 6, 0, 0, 0, 0])
    let error = #expect(throws: NativeBufferError.self) { try Self.nested(buffer) }
    #expect(error?.code == .overlappingAccess)
    buffer.dispose()
    #expect(throws: NativeBufferError.self) { try Self.read(buffer) }
    #expect(throws: NativeBufferError.self) { try Self.change(buffer) }
  }

  @Test("A closure may throw any other error, which arrives, and leaves no pin behind")
  func untyped() throws {
    let buffer = try NativeBuffer(byteCount: 16)
    let slice = try buffer.slice(0..<8)
    let attempts: [() throws -> Void] = [
      { try buffer.withBytes { _ in throw Other() } },
      { try buffer.withMutableBytes { _ in throw Other() } },
      { unsafe try buffer.withUnsafeBytes { _ in throw Other() } },
      { unsafe try buffer.withUnsafeMutableBytes { _ in throw Other() } },
      { try buffer.withSpan(of: UInt8.self) { _ in throw Other() } },
      { try buffer.withMutableSpan(of: UInt8.self) { _ in throw Other() } },
      { try slice.withBytes { _ in throw Other() } },
      { try slice.withMutableBytes { _ in throw Other() } },
      { unsafe try slice.withUnsafeBytes { _ in throw Other() } },
      { unsafe try slice.withUnsafeMutableBytes { _ in throw Other() } },
      { try slice.withSpan(of: UInt8.self) { _ in throw Other() } },
      { try slice.withMutableSpan(of: UInt8.self) { _ in throw Other() } },
      { try withUniqueBuffer(byteCount: 8) { _ in throw Other() } },
      { _ = try NativeBuffer(byteCount: 8) { _ in throw Other() } },
      { _ = try UniqueBuffer(byteCount: 8) { _ in throw Other() } },
    ]
    for attempt in attempts {
      #expect(throws: Other.self) { try attempt() }
      try buffer.fill(with: 0)
    }
    buffer.dispose()
    let refused: [() throws -> Void] = Array(attempts.prefix(12))
    for attempt in refused { #expect(throws: NativeBufferError.self) { try attempt() } }
  }
}
