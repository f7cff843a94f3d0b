// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Typed views")
struct TypedViewTests {
  let arena: Arena

  init() throws { arena = try Arena(name: "typed views") }

  private struct Point: NativeElement, Equatable {
    var x: Float
    var y: Float
    static var bitPatterns: AnyBitPattern<Point> { unsafe AnyBitPattern(unsafePromisedFor: Point.self) }
  }

  @Test("Elements that are written through one view are read through every other view")
  func readsAndWrites() throws {
    let buffer = try NativeBuffer(byteCount: 64, arena: arena)
    try buffer.withMutableSpan(of: Float.self) { floats in
      #expect(floats.count == 16)
      for index in floats.indices { floats[index] = Float(index) / 2 }
    }
    #expect(try buffer.withSpan(of: Float.self) { $0[3] } == 1.5)
    #expect(try buffer.withSpan(of: UInt32.self) { $0[3] } == Float(1.5).bitPattern)
    #expect(try buffer.withSpan(of: SIMD4<Float>.self) { $0[1] } == SIMD4(2, 2.5, 3, 3.5))
    #expect(try buffer.withSpan(of: Point.self) { $0[1] } == Point(x: 1, y: 1.5))
    #expect(try buffer.slice(8..<16).withSpan(of: Point.self) { $0.count == 1 ? $0[0] : nil } == Point(x: 1, y: 1.5))
    try buffer.slice(8..<16).withMutableSpan(of: Point.self) { $0[0].y = 8 }
    do {
      let pin = try buffer.pin()
      let points = try pin.span(of: Point.self)
      #expect(points.count == 8)
      #expect(points[1] == Point(x: 1, y: 8))
    }
    do {
      var pin = try buffer.pinMutable()
      var integers = try pin.mutableSpan(of: Int128.self)
      integers[3] = -1
      #expect(try pin.span(of: Int128.self)[3] == -1)
    }
    #expect(try buffer.withSpan(of: UInt8.self) { $0[63] } == 255)
    buffer.dispose()
    var unique = try UniqueBuffer(byteCount: 16, arena: arena)
    var halves = try unique.mutableSpan(of: Float16.self)
    halves[7] = 0.5
    #expect(try unique.span(of: Float16.self)[7] == 0.5)
    #expect(try unique.span(of: SIMD8<Float16>.self)[0].sum() == 0.5)
    unique.dispose()
    finish()
  }

  @Test("An element may begin at every multiple of its alignment, also if that is less than its size")
  func leastAlignment() throws {
    let buffer = try NativeBuffer(byteCount: 12, arena: arena)
    let part = try buffer.slice(4..<12)
    try part.withMutableSpan(of: Point.self) { $0[0] = Point(x: 1, y: 2) }
    #expect(try part.withSpan(of: Point.self) { $0[0] } == Point(x: 1, y: 2))
    #expect(throws: NativeBufferError.self) { try buffer.slice(2..<10).withSpan(of: Point.self) { _ in } }
    buffer.dispose()
    finish()
  }

  @Test("A view of no bytes has no elements")
  func empty() throws {
    let buffer = try NativeBuffer(byteCount: 0, arena: arena)
    #expect(try buffer.withSpan(of: Double.self) { $0.count } == 0)
    #expect(try buffer.withMutableSpan(of: Double.self) { $0.count } == 0)
    buffer.dispose()
    finish()
  }

  @Test("Bytes left over, and a first byte that is not aligned, throw on every way to a view, and nothing stays pinned")
  func refusals() throws {
    let buffer = try NativeBuffer(byteCount: 30, arena: arena)
    let remainder = "the 30 bytes of the buffer created at \(buffer.site) are no whole number of Int, which takes 8"
    expect(.remainder, remainder) { try buffer.withSpan(of: Int.self) { _ in } }
    expect(.remainder, remainder) { try buffer.withMutableSpan(of: Int.self) { _ in } }
    expect(.remainder, remainder) {
      let pin = try buffer.pin()
      _ = try pin.span(of: Int.self).count
    }
    expect(.remainder, remainder) {
      var pin = try buffer.pinMutable()
      _ = try pin.span(of: Int.self).count
      _ = try pin.mutableSpan(of: Int.self).count
    }
    expect(.remainder, remainder) {
      var pin = try buffer.pinMutable()
      _ = try pin.mutableSpan(of: Int.self).count
    }
    let misaligned = "cannot be read as Int: the first one lies 2 bytes behind an address that is a multiple of 8"
    let slice = try buffer.slice(2..<18)
    expect(.misaligned, misaligned) { try slice.withSpan(of: Int.self) { _ in } }
    expect(.misaligned, misaligned) { try slice.withMutableSpan(of: Int.self) { _ in } }
    expect(.misaligned, misaligned) {
      let pin = try slice.pin()
      _ = try pin.span(of: Int.self).count
    }
    #expect(throws: Never.self) { _ = try buffer.pinMutable() }
    buffer.dispose()
    expect(.disposed, "was used after it was disposed") { try buffer.withSpan(of: UInt8.self) { _ in } }
    var unique = try UniqueBuffer(byteCount: 7, arena: arena)
    #expect(throws: NativeBufferError.self) { _ = try unique.span(of: UInt16.self).count }
    #expect(throws: NativeBufferError.self) { _ = try unique.mutableSpan(of: UInt16.self).count }
    unique.dispose()
    finish()
  }

  @Test("A view excludes what a pin of its kind excludes, and the bytes stay while it lasts")
  func pins() throws {
    let buffer = try NativeBuffer(byteCount: 8, arena: arena)
    try buffer.withSpan(of: Int.self) { span in
      #expect(throws: NativeBufferError.self) { try buffer.withMutableSpan(of: Int.self) { _ in } }
      let first = try buffer.withSpan(of: Int.self) { $0[0] }
      #expect(first == 0)
      buffer.dispose()
      #expect(span[0] == 0)
    }
    finish()
  }

  @Test(
    "A type whose bits may be no value cannot be viewed, and a promise for one needs unsafe code",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"),
    arguments: [
      "try NativeBuffer(byteCount: 1).withSpan(of: Bool.self) { print($0[0]) }",
      "try NativeBuffer(byteCount: 1).withSpan(of: Unicode.Scalar.self) { print($0.count) }",
      "try NativeBuffer(byteCount: 8).withSpan(of: UnsafeRawPointer.self) { print($0.count) }",
      "_ = unsafe AnyBitPattern(unsafePromisedFor: String.self)",
      "_ = AnyBitPattern<UInt8>()",
    ])
  func refusedTypes(_ body: String) throws {
    let outcome = try TypeChecker.check("import NativeBuffers\nfunc test() throws {\n\(body)\n}\n")
    #expect(!outcome.succeeded, "this must not build:\n\(body)")
  }

  private func expect(
    _ code: NativeBufferError.Code, _ text: String, _ source: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    let error = #expect(throws: NativeBufferError.self, sourceLocation: source) { try body() }
    #expect(error?.code == code, sourceLocation: source)
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")", sourceLocation: source)
  }

  private func finish() {
    #expect(throws: Never.self) { try arena.destroy() }
  }
}
