// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import NativeBuffers

@Suite("Bytes copied into a buffer and out of it")
struct CopyingTests {
  let arena: Arena

  init() throws { arena = try Arena(name: "copying") }

  @Test("A buffer that copies an array, data, a string's bytes, a lazy sequence or a span has the same bytes")
  func copiesEachSource() throws {
    let bytes: [UInt8] = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let text = "größer"
    let buffers = [
      (try NativeBuffer(copying: bytes, arena: arena), bytes),
      (try NativeBuffer(copying: Data(bytes), arena: arena), bytes),
      (try NativeBuffer(copying: bytes.lazy.filter { $0 > 9 }, arena: arena), bytes.filter { $0 > 9 }),
      (try NativeBuffer(copying: text.utf8, arena: arena), Array(text.utf8)),
      (unsafe try NativeBuffer(copying: bytes.span.bytes, arena: arena), bytes),
      (try NativeBuffer(copying: [], arena: arena), []),
    ]
    for (buffer, expected) in buffers {
      #expect(try [UInt8](buffer) == expected)
      #expect(buffer.byteCount == expected.count)
      #expect(buffer.site.file.hasSuffix("CopyingTests.swift"))
      buffer.dispose()
    }
    for unique in [bytes, []] {
      let buffer = try UniqueBuffer(copying: unique, arena: arena)
      #expect([UInt8](buffer) == unique)
      buffer.dispose()
    }
    let unique = unsafe try UniqueBuffer(copying: bytes.span.bytes, arena: arena)
    #expect([UInt8](unique) == bytes)
    unique.dispose()
    finish()
  }

  @Test("The alignment that was asked for is kept, and an alignment that is none throws before anything is copied")
  func alignment() throws {
    let buffer = try NativeBuffer(copying: [1, 2, 3], alignment: 4_096, arena: arena)
    unsafe try buffer.withUnsafeBytes { #expect(UInt(bitPattern: $0.baseAddress) % 4_096 == 0) }
    buffer.dispose()
    let error = #expect(throws: NativeBufferError.self) {
      try NativeBuffer(copying: [1, 2, 3], alignment: 3, arena: arena)
    }
    #expect(error?.code == .invalidAlignment)
    finish()
  }

  @Test("A sequence that does not have its bytes in one place needs no array; if there is no memory, that is an error")
  func longSequence() throws {
    let error = #expect(throws: NativeBufferError.self) {
      try NativeBuffer(copying: repeatElement(UInt8(1), count: 1 << 47), arena: arena)
    }
    #expect(error?.code == .outOfMemory)
    let buffer = try NativeBuffer(copying: (0..<5_000).lazy.map { UInt8($0 % 251) }, alignment: 4_096, arena: arena)
    #expect(try [UInt8](buffer) == (0..<5_000).map { UInt8($0 % 251) })
    unsafe try buffer.withUnsafeBytes { #expect(UInt(bitPattern: $0.baseAddress) % 4_096 == 0) }
    buffer.dispose()
    let unique = try UniqueBuffer(copying: (0..<100).lazy.map { UInt8($0) }, arena: arena)
    #expect([UInt8](unique) == (0..<100).map { UInt8($0) })
    unique.dispose()
    finish()
  }

  @Test("A copy of a slice has its bytes, its own line, and does not keep the slice's buffer")
  func copiesSlices() throws {
    let bytes = (0..<100).map { UInt8($0) }
    var buffer: NativeBuffer? = try NativeBuffer(copying: bytes, arena: arena)
    let copy = try #require(try buffer?.slice(20...29).copied(arena: arena))
    let whole = try #require(try buffer?.copied(arena: arena))
    let end = try [UInt8](#require(buffer).slice(95...))
    #expect(end == [95, 96, 97, 98, 99])
    weak let old = buffer
    buffer?.dispose()
    buffer = nil
    #expect(old == nil)
    #expect(try [UInt8](copy) == Array(20...29))
    #expect(try [UInt8](whole) == bytes)
    #expect(copy.site.function == "copiesSlices()")
    copy.dispose()
    whole.dispose()
    finish()
  }

  @Test("Bytes are copied to the beginning of other memory, and what is behind them stays")
  func copiesOut() throws {
    let buffer = try NativeBuffer(copying: (0..<100).map { UInt8($0) }, arena: arena)
    var room = try UniqueBuffer(copying: [UInt8](repeating: 7, count: 12), arena: arena)
    var bytes = room.mutableBytes
    try buffer.copyBytes(to: &bytes, from: 10..<20)
    #expect([UInt8](room) == Array(10..<20) + [7, 7])
    bytes = room.mutableBytes
    try buffer.copyBytes(to: &bytes, from: ..<0)
    try buffer.copyBytes(to: &bytes, from: 30..<42)
    #expect([UInt8](room) == Array(30..<42))
    bytes = room.mutableBytes
    for (range, code) in [(50..<63, NativeBufferError.Code.noRoom), (95..<101, .outOfBounds)] {
      do throws(NativeBufferError) {
        try buffer.copyBytes(to: &bytes, from: range)
        Issue.record("\(range) was copied")
      } catch {
        #expect(error.code == code)
        #expect("\(error)".contains("CopyingTests.swift"))
      }
    }
    #expect([UInt8](room) == Array(30..<42))
    buffer.dispose()
    bytes = room.mutableBytes
    do throws(NativeBufferError) {
      try buffer.copyBytes(to: &bytes, from: 0..<1)
      Issue.record("bytes of a disposed buffer were copied")
    } catch { #expect(error.code == .disposed) }
    room.dispose()
    finish()
  }

  @Test("Every kind of range gives a slice, and one that does not fit throws")
  func ranges() throws {
    let buffer = try NativeBuffer(copying: (0..<10).map { UInt8($0) }, arena: arena)
    #expect(try buffer.slice(2..<4).range == 2..<4)
    #expect(try buffer.slice(2...4).range == 2..<5)
    #expect(try buffer.slice(7...).range == 7..<10)
    #expect(try buffer.slice(10...).range == 10..<10)
    #expect(try buffer.slice(..<3).range == 0..<3)
    #expect(try buffer.slice(...3).range == 0..<4)
    #expect(buffer.slice(...).range == 0..<10)
    #expect(try buffer.slice(2...).slice(1...2).range == 3..<5)
    func expectOutside(_ range: some RangeExpression<Int>, _ source: SourceLocation = #_sourceLocation) {
      let error = #expect(throws: NativeBufferError.self, sourceLocation: source) { try buffer.slice(range) }
      #expect(error?.code == .outOfBounds, sourceLocation: source)
    }
    expectOutside(0..<11)
    expectOutside(-1..<1)
    expectOutside(0...10)
    expectOutside(0...Int.max)
    expectOutside(11...)
    expectOutside((-1)...)
    expectOutside(..<11)
    expectOutside(..<(-1))
    expectOutside(...10)
    expectOutside(...Int.max)
    expectOutside(...(-2))
    expectOutside(Int.min...)
    buffer.dispose()
    finish()
  }

  @Test("A copy over a part of a buffer arrives whole, also from an overlapping part of the same buffer")
  func copiesOver() throws {
    let buffer = try NativeBuffer(copying: (0..<10).map { UInt8($0) }, arena: arena)
    try buffer.copy(from: buffer.slice(0..<6), at: 2)
    #expect(try [UInt8](buffer) == [0, 1, 0, 1, 2, 3, 4, 5, 8, 9])
    try buffer.copy(from: buffer.slice(2..<8), at: 0)
    #expect(try [UInt8](buffer) == [0, 1, 2, 3, 4, 5, 4, 5, 8, 9])
    let other = try NativeBuffer(copying: [90, 91], arena: arena)
    try buffer.copy(from: other, at: 8)
    try other.copy(from: buffer.slice(...1))
    #expect(try [UInt8](buffer) == [0, 1, 2, 3, 4, 5, 4, 5, 90, 91])
    #expect(try [UInt8](other) == [0, 1])
    let span: [UInt8] = [70, 71]
    unsafe try buffer.copy(from: span.span.bytes, at: 0)
    #expect(try [UInt8](buffer.slice(0..<3)) == [70, 71, 2])
    for offset in [9, -1, Int.max, Int.min] {
      let error = #expect(throws: NativeBufferError.self) { try buffer.copy(from: other, at: offset) }
      #expect(error?.code == .outOfBounds)
    }
    #expect(try [UInt8](buffer) == [70, 71, 2, 3, 4, 5, 4, 5, 90, 91])
    buffer.dispose()
    other.dispose()
    finish()
  }

  @Test("A copy between two buffers takes a pin of each, so it throws if one of them is in use or disposed")
  func copiesUnderPins() throws {
    let buffer = try NativeBuffer(copying: [1, 2, 3], arena: arena)
    let other = try NativeBuffer(copying: [4, 5, 6], arena: arena)
    do {
      let pin = try buffer.pin()
      #expect(throws: NativeBufferError.self) { try buffer.copy(from: other) }
      #expect(throws: NativeBufferError.self) { try buffer.copy(from: buffer.slice(0..<1), at: 1) }
      try other.copy(from: buffer)
      _ = consume pin
    }
    do {
      let pin = try other.pinMutable()
      #expect(throws: NativeBufferError.self) { try buffer.copy(from: other) }
      _ = consume pin
    }
    #expect(try [UInt8](buffer) == [1, 2, 3])
    #expect(try [UInt8](other) == [1, 2, 3])
    other.dispose()
    let error = #expect(throws: NativeBufferError.self) { try buffer.copy(from: other) }
    #expect(error?.code == .disposed)
    try buffer.copy(from: buffer)
    try buffer.fill(with: 9)
    #expect(try [UInt8](buffer) == [9, 9, 9])
    try buffer.slice(1..<2).fill(with: 1)
    #expect(try [UInt8](buffer) == [9, 1, 9])
    buffer.dispose()
    #expect(throws: NativeBufferError.self) { try buffer.fill(with: 0) }
    finish()
  }

  @Test("Contents are equal if the bytes and their number are, and then their hashes are, too")
  func contents() throws {
    let buffer = try NativeBuffer(copying: [1, 2, 3], arena: arena)
    let same = try NativeBuffer(copying: [1, 2, 3], arena: arena)
    let shorter = try NativeBuffer(copying: [1, 2], arena: arena)
    let other = try NativeBuffer(copying: [1, 2, 4], arena: arena)
    let empty = try NativeBuffer(byteCount: 0, arena: arena)
    func hash(_ buffer: NativeBuffer) throws -> Int {
      var hasher = Hasher()
      try buffer.hashContents(into: &hasher)
      return hasher.finalize()
    }
    #expect(try buffer.contents(equal: same))
    #expect(try buffer.contents(equal: buffer))
    #expect(try empty.contents(equal: empty))
    #expect(try hash(buffer) == hash(same))
    for different in [shorter, other, empty] {
      #expect(try !buffer.contents(equal: different))
      #expect(try !different.contents(equal: buffer))
      #expect(try hash(buffer) != hash(different))
    }
    #expect(try buffer.slice(..<2).contents(equal: shorter.slice(...)))
    for buffer in [buffer, same, shorter, other, empty] { buffer.dispose() }
    #expect(throws: NativeBufferError.self) { try buffer.contents(equal: same) }
    finish()
  }

  @Test("The number of bytes is part of a hash, so the same bytes in parts of other sizes have another one")
  func hashOfParts() throws {
    let buffer = try NativeBuffer(copying: [1, 2, 3], arena: arena)
    func hash(splitAt place: Int) throws -> Int {
      var hasher = Hasher()
      try buffer.slice(..<place).hashContents(into: &hasher)
      try buffer.slice(place...).hashContents(into: &hasher)
      return hasher.finalize()
    }
    #expect(try Set((0...3).map(hash)).count == 4)
    buffer.dispose()
    finish()
  }

  @Test("A buffer prints its size, its state and the line that created it")
  func describes() throws {
    let buffer = try NativeBuffer(uninitializedByteCount: 33_177_600, arena: arena)
    let line = #line - 1
    let place = "created at NativeBuffersTests/CopyingTests.swift:\(line))"
    #expect("\(buffer)" == "NativeBuffer(33,177,600 bytes, live, \(place)")
    buffer.dispose()
    #expect("\(buffer)" == "NativeBuffer(33,177,600 bytes, disposed, \(place)")
    finish()
  }

  private func finish() {
    #expect(throws: Never.self) { try arena.destroy() }
  }
}
