// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("What client code can see")
struct ClientCodeTests {
  /// A collection of bytes that keeps whatever it is filled from: safe code, which never names a pointer.
  struct Keeper: RangeReplaceableCollection {
    static let kept = Guarded<[any Sequence<UInt8>]>([])
    var bytes: [UInt8] = []

    init() {}
    init<S: Sequence<UInt8>>(_ elements: S) {
      Self.keep(elements)
      bytes = Array(elements)
    }
    static func keep<S: Sequence<UInt8>>(_ elements: S) { kept.withLock { $0.append(elements) } }
    mutating func append<S: Sequence<UInt8>>(contentsOf elements: S) {
      Self.keep(elements)
      bytes.append(contentsOf: elements)
    }
    mutating func replaceSubrange<C: Collection<UInt8>>(_ range: Range<Int>, with elements: C) {
      Self.keep(elements)
      bytes.replaceSubrange(range, with: elements)
    }
    var startIndex: Int { 0 }
    var endIndex: Int { bytes.count }
    func index(after i: Int) -> Int { i + 1 }
    subscript(i: Int) -> UInt8 { bytes[i] }
  }

  @Test("A collection that keeps the pointer it is filled from never sees the bytes of a later owner")
  func encodedPicture() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 60, height: 40, arena: arena)
      defer { bitmap.dispose() }
      let picture = try bitmap.encodedPNG(arena: arena)
      let expected = try picture.copied(as: [UInt8].self)
      let copy = try picture.copied(as: Keeper.self)
      #expect(copy.bytes == expected)
      picture.dispose()
      // This is the next owner of the memory.
      let next = try NativeBuffer(uninitializedByteCount: expected.count, arena: arena)
      defer { next.dispose() }
      _ = try unsafe next.withUnsafeMutableBytes { unsafe $0.initializeMemory(as: UInt8.self, repeating: 0xEE) }
      let kept = Keeper.kept.withLock { $0 }
      #expect(!kept.isEmpty)
      for sequence in kept { #expect(Array(sequence) == expected, "\(type(of: sequence))") }
    }
  }
}
