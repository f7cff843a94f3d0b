// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("Pixels in memory of other code")
struct ForeignPixelTests {
  /// C's memory for some rows, zeroed.
  static func memory(_ byteCount: Int) throws -> UnsafeMutableRawPointer {
    let pointer = unsafe try #require(calloc(1, byteCount))
    return unsafe pointer
  }

  @Test("Pixels of other code are read and changed in place, and given back once")
  func wrapping() throws {
    let freed = Atomic<Int>(0)
    let base = try unsafe Self.memory(4 * 20 + 12)
    var bitmap = try unsafe Bitmap(
      unsafeWrapping: base, width: 4, height: 5, bytesPerRow: 20, format: .rgb8
    ) { pointer in
      unsafe free(pointer)
      freed.add(1, ordering: .relaxed)
    }
    try bitmap.withMutablePixels(as: RGB8.self) { $0[3, 4] = RGB8(red: 1, green: 2, blue: 3) }
    let last = unsafe (base + 4 * 20 + 11).load(as: UInt8.self)
    #expect(last == 3)
    #expect(try bitmap.packed().suffix(3) == [1, 2, 3])
    #expect("\(bitmap.site)".contains("ForeignPixelTests.swift"))
    try withOwnArena { arena in
      let half = try bitmap.resized(toWidth: 2, height: 2, arena: arena)
      #expect(half.width == 2)
      half.dispose()
    }
    #expect(freed.load(ordering: .relaxed) == 0)
    #expect(bitmap.dispose() && !bitmap.dispose())
    #expect(freed.load(ordering: .relaxed) == 1)
  }

  @Test("A changed copy leaves the pixels of other code as they are")
  func copying() throws {
    let freed = Atomic<Int>(0)
    let base = try unsafe Self.memory(4)
    let bitmap = try unsafe Bitmap(unsafeWrapping: base, width: 2, height: 2, bytesPerRow: 2, format: .gray8) {
      pointer in
      unsafe free(pointer)
      freed.add(1, ordering: .relaxed)
    }
    var copy = bitmap
    try copy.withMutableRows { $0[0, 0] = 9 }
    let first = unsafe base.load(as: UInt8.self)
    #expect(first == 0 && copy.pixels.arena === Arena.shared && bitmap.pixels.arena == nil)
    copy.dispose()
    #expect(freed.load(ordering: .relaxed) == 0)
    bitmap.dispose()
    #expect(freed.load(ordering: .relaxed) == 1)
  }

  @Test("A pin keeps the pixels of other code until it ends")
  func pinned() throws {
    let freed = Atomic<Int>(0)
    let base = try unsafe Self.memory(4)
    let bitmap = try unsafe Bitmap(unsafeWrapping: base, width: 2, height: 2, bytesPerRow: 2, format: .gray8) {
      pointer in
      unsafe free(pointer)
      freed.add(1, ordering: .relaxed)
    }
    do {
      let pin = try bitmap.pixels.pin()
      bitmap.dispose()
      #expect(freed.load(ordering: .relaxed) == 0)
      let count = pin.byteCount
      #expect(count == 4)
    }
    #expect(freed.load(ordering: .relaxed) == 1)
  }

  @Test("Sizes that do not fit the memory are refused, and the caller still owns the memory")
  func nonsense() throws {
    let base = try unsafe Self.memory(256)
    defer { unsafe free(base) }
    for (shift, width, height, bytesPerRow, format) in [
      (0, 0, 1, 64, PixelFormat.gray8), (0, 1, -1, 64, .gray8), (0, 22, 1, 64, .rgb8), (1, 4, 4, 64, .gray16),
      (2, 4, 4, 64, .grayF32), (0, 4, 4, 33, .rgba16), (0, 1, 1, -64, .gray8), (0, 1, Int.max, 64, .gray8),
    ] {
      let error = try bitmapError("\(format)") {
        _ = try unsafe Bitmap(
          unsafeWrapping: base + shift, width: width, height: height, bytesPerRow: bytesPerRow, format: format
        ) { _ in Issue.record("The memory is the caller's.") }
      }
      #expect(error.code == .invalidArgument)
    }
  }
}
