// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Operations that run out of memory")
struct OperationFailureTests {
  /// Every operation once, from a turned file to an encoded one.
  static func pipeline(_ file: [UInt8], arena: Arena) throws {
    let decoded = try Bitmap.decode(file, format: .rgba8, arena: arena)
    defer { decoded.dispose() }
    var current = decoded
    func step(_ next: (Bitmap) throws -> Bitmap) throws {
      let result = try next(current)
      if current.pixels !== decoded.pixels { current.dispose() }
      current = result
    }
    defer { current.dispose() }
    for filter in ResizingTests.filters {
      try step { try $0.resized(toWidth: 17, height: 23, filter: filter, arena: arena) }
      try step { try $0.resized(toWidth: 31, height: 19, filter: filter, arena: arena) }
    }
    try step { try $0.blurred(sigma: 1.5, arena: arena) }
    try step { try $0.boxBlurred(radius: 2, arena: arena) }
    try step { try $0.convolved(with: .sharpening, arena: arena) }
    try step { try $0.composited(with: decoded, atX: 1, y: -1, arena: arena) }
    try step { try $0.oriented(.transversed, arena: arena) }
    try step { try $0.converted(to: .rgb8, arena: arena) }
    try current.encodedPNG(arena: arena).dispose()
    try current.encodedJPEG(arena: arena).dispose()
    // These operations are those for pixels other than bytes.
    try step { try $0.converted(to: .rgbaF32, arena: arena) }
    try step { try $0.resized(toWidth: 21, height: 17, arena: arena) }
    try step { try $0.blurred(sigma: 1.5, arena: arena) }
    try step { try $0.boxBlurred(radius: 2, arena: arena) }
    try step { try $0.convolved(with: .sharpening, preservesAlpha: true, arena: arena) }
    try step { try $0.composited(with: decoded, atX: 1, y: -1, arena: arena) }
    try current.composite(with: decoded, atX: 1, y: -1)
  }

  @Test("If any allocation of any operation fails, nothing is left, and the audit is clean")
  func everyAllocation() throws {
    try withOwnArena { arena in
      let file = OrientationTests.png(OrientationTests.plainPNG, exif: OrientationTests.exif(7, isLittle: true))
      let failures = try arena.failEachAllocation { try Self.pipeline(file, arena: arena) }
      // There are fewer than there are buffers: an operation takes memory that an earlier one released, and does not
      // ask the allocator for it.
      #expect(failures > 8, "\(failures)")
    }
  }
}
