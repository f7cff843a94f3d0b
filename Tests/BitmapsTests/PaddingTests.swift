// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Bytes between rows")
struct PaddingTests {
  /// Leaves blocks of many sizes idle, filled with one byte value. The next bitmaps of the arena use these blocks.
  private func soil(_ arena: Arena) throws {
    var buffers: [NativeBuffer] = []
    for sizeClass in 0..<SizeClass.count {
      let byteCount = SizeClass.byteCount(at: sizeClass)
      guard byteCount <= 64 << 10 else { break }
      for _ in 0..<3 {
        let buffer = try NativeBuffer(uninitializedByteCount: byteCount, arena: arena)
        try buffer.fill(with: 0xAA)
        buffers.append(buffer)
      }
    }
    for buffer in buffers { buffer.dispose() }
  }

  /// The number of bytes behind the rows' pixels that are not 0. A C function that reads all bytes from the first row
  /// to the end of the last one sees these bytes.
  private func dirtyByteCount(_ bitmap: Bitmap) throws -> Int {
    let (used, height) = (bitmap.rowByteCount, bitmap.height)
    return try unsafe bitmap.withUnsafePixels { base, bytesPerRow in
      var count = 0
      let zeros = [UInt8](repeating: 0, count: bytesPerRow)
      for y in 0..<height {
        let row = unsafe UnsafeRawBufferPointer(start: base + y * bytesPerRow, count: bytesPerRow)
        let hasNone = unsafe memcmp(row.baseAddress! + used, zeros, bytesPerRow - used) == 0
        if !hasNone { count += unsafe row[used...].count { $0 != 0 } }
      }
      return count
    }
  }

  /// Makes a bitmap with `body`, from memory that other bitmaps used, and checks the bytes behind its rows.
  private func checks(
    _ name: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: (Arena) throws -> Bitmap
  ) throws {
    try withOwnArena(sourceLocation: sourceLocation) { arena in
      try soil(arena)
      let bitmap = try body(arena)
      defer { bitmap.dispose() }
      #expect(try dirtyByteCount(bitmap) == 0, "\(name)", sourceLocation: sourceLocation)
    }
  }

  private func source(_ format: PixelFormat, width: Int = 37, height: Int = 21, _ arena: Arena) throws -> Bitmap {
    try Bitmap.make(width: width, height: height, format: format, arena: arena) { UInt8(truncatingIfNeeded: $0 &* 31) }
  }

  /// The result of `body`, whose argument is disposed.
  private func made(
    from format: PixelFormat, _ arena: Arena, _ body: (Bitmap) throws -> Bitmap
  ) throws -> Bitmap {
    let source = try source(format, arena)
    defer { source.dispose() }
    return try body(source)
  }

  @Test("The bytes between rows are 0 after every operation, in memory that was used before, in every format")
  func operations() throws {
    for format in PixelFormat.all {
      try checks("new, \(format)") { try Bitmap(width: 37, height: 21, format: format, arena: $0) }
      for target in PixelFormat.all {
        try checks("\(format) to \(target)") { arena in
          try made(from: format, arena) { try $0.converted(to: target, arena: arena) }
        }
      }
      for filter in [ResizeFilter.area, .bilinear, .lanczos3] {
        for (width, height) in [(37, 21), (11, 7), (53, 40), (5, 90), (90, 5), (74, 42)] {
          try checks("\(format), \(filter) to \(width)×\(height)") { arena in
            try made(from: format, arena) {
              try $0.resized(toWidth: width, height: height, filter: filter, arena: arena)
            }
          }
        }
      }
      for value in 1...8 {
        try checks("\(format), orientation \(value)") { arena in
          let orientation = try #require(Orientation(exifValue: value))
          return try made(from: format, arena) { try $0.oriented(orientation, arena: arena) }
        }
      }
      try checks("\(format), blurred") { arena in
        try made(from: format, arena) { try $0.blurred(sigma: 1.5, arena: arena) }
      }
      try checks("\(format), box") { arena in
        try made(from: format, arena) { try $0.boxBlurred(radius: 3, arena: arena) }
      }
      try checks("\(format), convolved") { arena in
        try made(from: format, arena) { try $0.convolved(with: .sharpening, arena: arena) }
      }
      try checks("\(format), composited") { arena in
        try made(from: format, arena) { try $0.composited(with: $0, atX: 3, y: -2, opacity: 0.5, arena: arena) }
      }
      try checks("\(format), halved") { arena in
        let source = try source(format, width: 74, height: 42, arena)
        defer { source.dispose() }
        return try source.resized(toWidth: 37, height: 21, arena: arena)
      }
      try checks("\(format), a crop's copy") { arena in
        try made(from: format, arena) {
          try $0.cropped(to: PixelRect(x: 3, y: 2, width: 19, height: 9)).copied(arena: arena)
        }
      }
      try checks("\(format), changed while shared") { arena in
        try made(from: format, arena) {
          var copy = $0
          try copy.withMutableRow(0) { _ in }
          try copy.composite(with: $0, atX: 1, y: 1)
          try copy.replacePixels(atX: 0, y: 0, with: $0)
          return copy
        }
      }
    }
    try checks("drawn") { try Bitmap.drawn(width: 37, height: 21, arena: $0) }
  }

  @Test("The bytes between rows are 0 in a decoded picture, in every format and for every way to decode")
  func decoding() throws {
    let encodings: [PictureEncoding] = [.jpeg(), .png(), .webP(), .webP(isLossless: true), .netpbm()]
    for encoding in encodings {
      for original in [PixelFormat.gray8, .rgb8, .rgba8, .rgba16] {
        let file = try withOwnArena { arena in
          let source = try source(original, arena)
          defer { source.dispose() }
          let encoded = try source.encoded(as: encoding, arena: arena)
          defer { encoded.dispose() }
          return try encoded.copied(as: [UInt8].self)
        }
        let name = "\(encoding) of \(original)"
        try checks(name) { try Bitmap.decode(file, arena: $0) }
        for format in PixelFormat.all {
          try checks("\(name) as \(format)") { try Bitmap.decode(file, format: format, arena: $0) }
        }
        try checks("\(name), smaller") { try Bitmap.decode(file, minimumWidth: 10, arena: $0) }
        try checks("\(name), in pieces") { arena in
          var decoder = PictureDecoder(arena: arena)
          try unsafe decoder.append(file.span.bytes)
          return try decoder.finish()
        }
        try checks("\(name), in place") { arena in
          var bitmap = try Bitmap(width: 37, height: 21, format: .rgb8, arena: arena)
          try unsafe bitmap.replacePixels(decoding: file.span.bytes, arena: arena)
          return bitmap
        }
      }
    }
  }

  @Test("If the caller chose the distance of rows, the bytes behind the last row are 0, too")
  func ownDistance() throws {
    for bytesPerRow in [40, 111, 128] {
      try checks("\(bytesPerRow)") {
        try Bitmap(width: 37, height: 3, format: .gray8, bytesPerRow: bytesPerRow, arena: $0)
      }
    }
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 37, height: 3, format: .gray8, bytesPerRow: 111, arena: arena)
      defer { bitmap.dispose() }
      #expect(bitmap.pixels.byteCount == 3 * 111, "what C takes as height times distance is the bitmap's own memory")
    }
  }
}
