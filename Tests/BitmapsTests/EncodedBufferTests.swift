// SPDX-License-Identifier: Apache-2.0

import LeakAuditing
import NativeBuffers
import SystemPackage
import Testing

@testable import Bitmaps

@Suite("An encoded picture as a buffer")
struct EncodedBufferTests {
  @Test(
    "The buffer has the file's bytes and no others, and stays when the picture is gone",
    arguments: BoundedEncodingTests.encodings.indices)
  func bytes(index: Int) throws {
    try withOwnArena { arena in
      let encoding = BoundedEncodingTests.encodings[index]
      let bitmap = try Bitmap.drawn(width: 61, height: 43, arena: arena)
      defer { bitmap.dispose() }
      // The size that an encoder states without a buffer.
      let error = try bitmapError { try bitmap.encoded(as: encoding, maximumByteCount: 0, arena: arena).dispose() }
      let buffer: NativeBuffer
      let line = #line + 2
      do {
        let picture = try bitmap.encoded(as: encoding, arena: arena)
        #expect(picture.byteCount == picture.buffer.byteCount && picture.format == encoding.format)
        buffer = picture.buffer
      }
      #expect(buffer.byteCount == error.exceededLimit?.needed && buffer.arena === arena && !buffer.isReadOnly)
      #expect(buffer.site.line == line && buffer.site.file == "BitmapsTests/EncodedBufferTests.swift")
      do {
        let pin = try buffer.pin()
        let decoded = try Bitmap(decoding: pin.bytes, arena: arena)
        #expect(decoded.width == 61 && decoded.height == 43)
        decoded.dispose()
      }
      buffer.dispose()
    }
  }

  @Test(
    "A picture that is kept takes at most a quarter or 4 KiB more than its bytes, also if it compresses well",
    arguments: BoundedEncodingTests.encodings.indices)
  func memory(index: Int) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 640, height: 480, arena: arena)
      defer { bitmap.dispose() }
      let picture = try bitmap.encoded(as: BoundedEncodingTests.encodings[index], arena: arena)
      defer { picture.dispose() }
      let most = picture.byteCount + max(picture.byteCount / 4, 4_096)
      #expect(picture.buffer.allocatedByteCount <= most, "\(picture.byteCount) bytes")
    }
  }

  @Test("The picture and its buffer are disposed together, once, by either of them")
  func oneLife() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 20, height: 10, arena: arena)
      defer { bitmap.dispose() }
      let first = try bitmap.encodedJPEG(arena: arena)
      #expect(first.buffer.dispose() && first.isDisposed && !first.dispose())
      #expect(try bitmapError { _ = try first.pin() }.code == .pixelsUnavailable)
      #expect(try bitmapError { _ = try first.copied() }.code == .pixelsUnavailable)
      let second = try bitmap.encodedJPEG(arena: arena)
      #expect(second.dispose() && second.buffer.isDisposed && !second.buffer.dispose())
    }
  }

  @Test("While the buffer is live, both books have it with its line; a forgotten one is a rescue of that line")
  func books() throws {
    let arena = try Arena(name: "encoded")
    let bitmap = try Bitmap.drawn(width: 300, height: 200, arena: arena)
    var kept: NativeBuffer?
    let line = #line + 2
    let report = try LeakAuditor.scope("encoding") {
      kept = try bitmap.encodedPNG(arena: arena).buffer
    }.report
    let finding = try #require(report.findings.first)
    #expect(report.findings.count == 1 && finding.kind == .held && finding.count == 1)
    #expect(finding.byteCount == kept?.byteCount)
    #expect(finding.sites.first?.line == line && finding.sites.first?.file == "BitmapsTests/EncodedBufferTests.swift")
    let books = try #require(try LeakAuditor.audit().arenas.first { $0.index == Int(arena.index) })
    #expect(books.difference == 0 && books.live.count == 2)
    #expect(books.live.byteCount == books.allocatorByteCount - books.idle.byteCount)
    kept = nil
    #expect(arena.rescueCount == 1)
    bitmap.dispose()
    arena.trim()
    #expect(try arena.counts().count == 0)
    try arena.destroy()
  }

  @Test("An encoder that fails leaves nothing, also if its first buffer was too small")
  func failures() throws {
    try withOwnArena { arena in
      let noise = try EncodingTests.noise(arena: arena)
      let failures = try arena.failEachAllocation(remaining: 1) {
        try noise.encodedJPEG(quality: 100, arena: arena).buffer.dispose()
      }
      #expect(failures == 2, "a buffer for most pictures, and one for this")
      let error = try bitmapError {
        try noise.encodedJPEG(quality: 100, maximumByteCount: 90_000, arena: arena).dispose()
      }
      #expect(error.code == .limitExceeded)
      #expect(arena.rescueCount == 0)
      noise.dispose()
    }
  }

  @Test("It is written to an open file, and to a path as a whole or not at all")
  func writing() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let bitmap = try Bitmap.drawn(width: 40, height: 30, arena: arena)
        defer { bitmap.dispose() }
        let picture = try bitmap.encodedWebP(arena: arena)
        let bytes: [UInt8] = try picture.copied()
        try picture.write(toFileAt: "\(folder)/whole.webp")
        let open = try FileDescriptor.open(
          FilePath("\(folder)/open.webp"), .writeOnly, options: [.create], permissions: .ownerReadWrite)
        try open.closeAfter { try picture.buffer.write(to: open) }
        for name in ["whole.webp", "open.webp"] {
          let written = try NativeBuffer(contentsOf: FilePath("\(folder)/\(name)"), arena: arena)
          #expect(try [UInt8](written) == bytes)
          written.dispose()
        }
        for path in ["\(folder)/missing/picture.webp", folder, ""] {
          let error = try bitmapError { try picture.write(toFileAt: path) }
          #expect(error.code == .unwritableFile && error.path == path)
        }
        picture.dispose()
        let error = try bitmapError { try picture.write(toFileAt: "\(folder)/whole.webp") }
        #expect(error.code == .pixelsUnavailable)
        #expect(Files.names(in: folder).sorted() == ["open.webp", "whole.webp"])
      }
    }
  }
}
