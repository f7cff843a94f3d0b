// SPDX-License-Identifier: Apache-2.0

import LeakAuditing
import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("Copies of a bitmap that change")
struct CopyOnWriteTests {
  static func set(_ bitmap: inout Bitmap, x: Int, y: Int, to value: UInt8) throws {
    try bitmap.withMutableRow(y) { row in row.storeBytes(of: value, toByteOffset: x, as: UInt8.self) }
  }

  @Test("A change of one copy does not change the others, whichever copy is changed")
  func sharing() throws {
    try withOwnArena { arena in
      var first = try Bitmap.make(width: 3, height: 2, format: .gray8, arena: arena) { UInt8($0) }
      var second = first
      let third = first
      try Self.set(&second, x: 1, y: 1, to: 100)
      try Self.set(&first, x: 0, y: 0, to: 200)
      #expect(try first.packed() == [200, 1, 2, 3, 4, 5])
      #expect(try second.packed() == [0, 1, 2, 3, 100, 5])
      #expect(try third.packed() == [0, 1, 2, 3, 4, 5])
      for bitmap in [first, second, third] { #expect(bitmap.dispose()) }
    }
  }

  @Test("Pixels without another owner are changed in place")
  func unshared() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 3, height: 2, format: .rgb8, arena: arena)
      let buffer = ObjectIdentifier(bitmap.pixels)
      try Self.set(&bitmap, x: 1, y: 1, to: 100)
      #expect(ObjectIdentifier(bitmap.pixels) == buffer)
      var moved = bitmap
      bitmap = try Bitmap(width: 1, height: 1, format: .gray8, arena: arena)
      try Self.set(&moved, x: 1, y: 1, to: 100)
      #expect(ObjectIdentifier(moved.pixels) == buffer)
      moved.dispose()
      bitmap.dispose()
    }
  }

  @Test("A pin keeps the old bytes, and the bitmap then has other memory")
  func pinned() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap.make(width: 3, height: 1, format: .gray8, arena: arena) { UInt8($0) }
      do {
        let pin = try bitmap.pixels.pin()
        try Self.set(&bitmap, x: 0, y: 0, to: 9)
        let old = unsafe pin.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
        #expect(old == 0)
      }
      #expect(try bitmap.takePacked() == [9, 1, 2])
    }
  }

  @Test("A slice of the memory keeps the old bytes")
  func sliced() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap.make(width: 3, height: 1, format: .gray8, arena: arena) { UInt8($0) }
      let slice = try bitmap.pixels.slice(0..<3)
      try Self.set(&bitmap, x: 0, y: 0, to: 9)
      try slice.withBytes { bytes in #expect(unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == 0) }
      slice.buffer.dispose()
      #expect(try bitmap.takePacked() == [9, 1, 2])
    }
  }

  @Test("Array elements and members of other values are changed in place")
  func nestedValues() throws {
    struct Frame { var bitmap: Bitmap }
    try withOwnArena { arena in
      var bitmaps = try (0..<3).map { _ in try Bitmap(width: 3, height: 1, format: .gray8, arena: arena) }
      let buffers = bitmaps.map { ObjectIdentifier($0.pixels) }
      for i in bitmaps.indices { try Self.set(&bitmaps[i], x: i, y: 0, to: 1) }
      #expect(bitmaps.map { ObjectIdentifier($0.pixels) } == buffers)
      var frame = Frame(bitmap: bitmaps.removeLast())
      try Self.set(&frame.bitmap, x: 0, y: 0, to: 2)
      #expect(ObjectIdentifier(frame.bitmap.pixels) == buffers[2])
      #expect(try frame.bitmap.takePacked() == [2, 0, 1])
      for bitmap in bitmaps { bitmap.dispose() }
    }
  }

  @Test("A copy is made in the arena of the original, and recorded with the line that made the change")
  func site() throws {
    try withOwnArena { arena in
      let first = try Bitmap(width: 3, height: 2, format: .gray8, arena: arena)
      var second = first
      let line = UInt(#line) + 1
      try second.withMutableRow(0) { _ in }
      #expect("\(second.site)".contains("CopyOnWriteTests.swift:\(line)"))
      #expect(second.pixels.arena === arena && first.pixels.arena === arena)
      first.dispose()
      second.dispose()
    }
  }

  @Test("If there is no memory for the copy, both bitmaps stay as they were")
  func exhaustion() throws {
    try withOwnArena { arena in
      let first = try Bitmap.make(width: 3, height: 2, format: .gray8, arena: arena) { UInt8($0) }
      var second = first
      arena.failureCountdown.store(1, ordering: .relaxed)
      defer { arena.failureCountdown.store(0, ordering: .relaxed) }
      #expect(try bitmapError { try second.withMutableRow(0) { _ in } }.code == .outOfMemory)
      #expect(second.pixels === first.pixels)
      #expect(try second.takePacked() == [0, 1, 2, 3, 4, 5])
    }
  }

  @Test("A disposed bitmap cannot be changed, whether it is shared or not")
  func disposed() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 3, height: 2, format: .gray8, arena: arena)
      bitmap.dispose()
      #expect(try bitmapError { try bitmap.withMutableRow(0) { _ in } }.code == .pixelsUnavailable)
      let copy = bitmap
      #expect(try bitmapError { try bitmap.withMutableRow(0) { _ in } }.code == .pixelsUnavailable)
      #expect(copy.isDisposed)
    }
  }

  @Test("An error of the caller's closure is thrown on, and the bitmap can be used again")
  func ownErrors() throws {
    struct Own: Error {}
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 3, height: 2, format: .gray8, arena: arena)
      #expect(throws: Own.self) { try bitmap.withMutableRow(0) { _ in throw Own() } }
      #expect(throws: Own.self) { try bitmap.withRow(0) { _ in throw Own() } }
      try Self.set(&bitmap, x: 0, y: 0, to: 1)
      bitmap.dispose()
    }
  }

  @Test("Rows may have any distance that fits, and keep it until they are copied")
  func bytesPerRow() throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 3, height: 4, format: .rgb8, bytesPerRow: 11, arena: arena)
      #expect(bitmap.bytesPerRow == 11 && bitmap.pixels.byteCount == 4 * 11)
      for y in 0..<4 { try Self.set(&bitmap, x: 8, y: y, to: UInt8(y + 1)) }
      let expected = (1...4).flatMap { [UInt8](repeating: 0, count: 8) + [UInt8($0)] }
      #expect(try bitmap.packed() == expected)
      let copy = bitmap
      try bitmap.withMutableRow(0) { _ in }
      #expect(bitmap.bytesPerRow == 64 && copy.bytesPerRow == 11)
      #expect(try bitmap.takePacked() == expected)
      copy.dispose()
      for (width, format, bytesPerRow) in [
        (3, PixelFormat.rgb8, 8), (1, .gray8, 0), (1, .gray8, -64), (2, .gray16, 5), (1, .rgbaF32, 18),
      ] {
        let error = try bitmapError {
          try Bitmap(width: width, height: 2, format: format, bytesPerRow: bytesPerRow, arena: arena).dispose()
        }
        #expect(error.code == .invalidArgument, "\(format), \(bytesPerRow)")
      }
    }
  }
}
