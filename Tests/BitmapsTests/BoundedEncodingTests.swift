// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import Synchronization
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Encoding into memory of the caller")
struct BoundedEncodingTests {
  static let encodings: [PictureEncoding] = [
    .jpeg(), .jpeg(quality: 100), .png(), .png(compression: 0), .webP(), .webP(isLossless: true), .netpbm(),
    .netpbm(.plain), .netpbm(.bitmap),
  ]

  @Test("Two encodings are equal if their formats and options are equal")
  func equality() {
    #expect(Set(Self.encodings + Self.encodings).count == Self.encodings.count)
    #expect(PictureEncoding.jpeg() == .jpeg(quality: 85))
    #expect(PictureEncoding.jpeg(quality: 80) != .webP(quality: 80))
  }

  /// Encodes into `capacity` bytes with guard bytes on both sides, and expects that the guard bytes stay as they were.
  static func encode(
    _ bitmap: Bitmap, as encoding: PictureEncoding, capacity: Int, arena: Arena
  ) throws -> Result<[UInt8], BitmapError> {
    let guardCount = 64
    var memory = [UInt8](repeating: 0xA5, count: capacity + 2 * guardCount)
    let result: Result<Int, BitmapError> = unsafe memory.withUnsafeMutableBytes { bytes in
      var span = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[guardCount..<guardCount + capacity]).mutableBytes
      do throws(BitmapError) {
        return .success(try bitmap.encode(as: encoding, into: &span, arena: arena))
      } catch {
        return .failure(error)
      }
    }
    #expect(memory.prefix(guardCount).allSatisfy { $0 == 0xA5 }, "\(encoding), \(capacity) bytes")
    #expect(memory.suffix(guardCount).allSatisfy { $0 == 0xA5 }, "\(encoding), \(capacity) bytes")
    return result.map { Array(memory[guardCount..<guardCount + $0]) }
  }

  /// Capacities about which an encoder could be wrong: small ones, and those about the file's size.
  static func capacities(aroundByteCount byteCount: Int) -> Set<Int> {
    Set(0...50).union(max(0, byteCount - 40)...byteCount + 20)
  }

  @Test(
    "With any capacity, the result is the same file as in a native buffer, or an error with the size that is needed",
    arguments: encodings.indices, [false, true])
  func everyCapacity(index: Int, hasProfile: Bool) throws {
    try withOwnArena { arena in
      let encoding = Self.encodings[index]
      var bitmap = try Bitmap.drawn(width: 21, height: 17, variant: 2, arena: arena)
      defer { bitmap.dispose() }
      if hasProfile {
        bitmap.colorProfile = try #require(ColorProfile(iccData: EmbeddedDataTests.icc(byteCount: 300, model: "RGB ")))
      }
      let whole = try bitmap.encoded(as: encoding, arena: arena)
      let file = try whole.copied()
      whole.dispose()
      #expect(file.count > 40 && whole.format == encoding.format)
      let all = Set(0...file.count + 3)
      let capacities = TestLength.choose(Self.capacities(aroundByteCount: file.count), long: all)
      for capacity in hasProfile ? capacities : all {
        switch try Self.encode(bitmap, as: encoding, capacity: capacity, arena: arena) {
        case .success(let bytes):
          #expect(bytes == file && capacity >= file.count, "\(capacity) bytes")
        case .failure(let error):
          #expect(error.code == .limitExceeded && error.format == encoding.format && capacity < file.count)
          #expect(
            error.exceededLimit == .init(name: "target", needed: file.count, allowed: capacity, unit: "bytes"))
        }
      }
    }
  }

  @Test(
    "Sizes are exact with alpha and a profile of an odd or even length", arguments: encodings.indices,
    [PixelFormat.rgba8, .rgb8, .gray8, .grayAlpha8, .rgba16])
  func alphaAndProfile(index: Int, format: PixelFormat) throws {
    try withOwnArena { arena in
      let encoding = Self.encodings[index]
      for profileByteCount in [0, 300, 301] {
        var bitmap = try Bitmap.make(width: 16, height: 9, format: format, arena: arena) {
          UInt8(truncatingIfNeeded: $0 * 37)
        }
        defer { bitmap.dispose() }
        if profileByteCount > 0 {
          let model = format.isGray ? "GRAY" : "RGB "
          let data = EmbeddedDataTests.icc(byteCount: profileByteCount, model: model)
          bitmap.colorProfile = try #require(ColorProfile(iccData: data))
        }
        let whole = try bitmap.encoded(as: encoding, arena: arena)
        let file = try whole.copied()
        whole.dispose()
        let decoded = try Bitmap.decode(file, arena: arena)
        #expect(decoded.width == 16 && decoded.height == 9)
        if encoding == .webP(isLossless: true), format == .rgba8 { #expect(try decoded.packed() == bitmap.packed()) }
        decoded.dispose()
        for capacity in Self.capacities(aroundByteCount: file.count) {
          switch try Self.encode(bitmap, as: encoding, capacity: capacity, arena: arena) {
          case .success(let bytes): #expect(bytes == file && capacity >= file.count, "\(capacity) bytes")
          case .failure(let error):
            #expect(
              error.exceededLimit == .init(name: "target", needed: file.count, allowed: capacity, unit: "bytes"))
            #expect(capacity < file.count, "\(capacity) bytes")
          }
        }
      }
    }
  }

  @Test("A capacity of 0 gives an error with the size that is needed", arguments: encodings.indices)
  func nothing(index: Int) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 8, height: 8, arena: arena)
      defer { bitmap.dispose() }
      let error = try bitmapError {
        var none = MutableRawSpan()
        _ = try bitmap.encode(as: Self.encodings[index], into: &none, arena: arena)
      }
      let needed = try #require(error.exceededLimit?.needed)
      #expect(needed > 0 && error.exceededLimit?.allowed == 0)
      #expect(error.description.contains("of 8×8 needs \(needed) bytes; the limit `target` is 0 bytes."), "\(error)")
    }
  }

  @Test("A format that the codec does not accept is converted, and the copy is released, also if the file does not fit")
  func converted() throws {
    try withOwnArena { arena in
      for format in [PixelFormat.bgra8, .rgba8Premultiplied, .gray16, .grayAlpha8] {
        let bitmap = try Bitmap(width: 20, height: 10, format: format, arena: arena)
        defer { bitmap.dispose() }
        for encoding in Self.encodings {
          let whole = try bitmap.encoded(as: encoding, arena: arena)
          let file = try whole.copied()
          whole.dispose()
          let fits = try Self.encode(bitmap, as: encoding, capacity: file.count, arena: arena)
          #expect(try fits.get() == file)
          let error = try bitmapError {
            _ = try Self.encode(bitmap, as: encoding, capacity: file.count - 1, arena: arena).get()
          }
          #expect(error.exceededLimit?.needed == file.count)
        }
      }
    }
  }

  @Test("A native buffer can be the target, and nothing else is allocated from the arena")
  func nativeBuffer() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 60, height: 40, arena: arena)
      defer { bitmap.dispose() }
      var buffer = try UniqueBuffer(byteCount: 20_000, arena: arena)
      // Any allocation would fail, and the test would see the error.
      arena.failureCountdown.store(1, ordering: .relaxed)
      defer { arena.failureCountdown.store(0, ordering: .relaxed) }
      for encoding in [PictureEncoding.jpeg(), .png(), .webP(), .netpbm()] {
        var target = buffer.mutableBytes
        let byteCount = try bitmap.encode(as: encoding, into: &target, arena: arena)
        #expect(PictureFormat(recognizing: buffer.bytes.extracting(..<byteCount)) == encoding.format)
      }
      buffer.dispose()
    }
  }

  @Test("Foundation's Data gets a copy that stays valid after the picture is gone", arguments: encodings.indices)
  func data(index: Int) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 30, height: 20, arena: arena)
      defer { bitmap.dispose() }
      let picture = try bitmap.encoded(as: Self.encodings[index], arena: arena)
      let data = try picture.copied(as: Data.self)
      #expect(Array(data) == (try picture.copied()) && data.count == picture.byteCount)
      picture.dispose()
      let decoded = try Bitmap(decoding: data.bytes, arena: arena)
      #expect(decoded.width == 30 && decoded.height == 20)
      decoded.dispose()
      #expect(try bitmapError { _ = try picture.copied(as: Data.self) }.code == .pixelsUnavailable)
    }
  }

  @Test("Options that make no sense are refused before anything is written")
  func choices() throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: 8, height: 8, format: .rgb8, arena: arena)
      defer { bitmap.dispose() }
      for encoding in [
        PictureEncoding.jpeg(quality: 0), .jpeg(quality: 101), .png(compression: -1), .png(compression: 10),
        .webP(quality: -1), .webP(quality: 101),
      ] {
        let error = try bitmapError { _ = try Self.encode(bitmap, as: encoding, capacity: 9999, arena: arena).get() }
        #expect(error.code == .invalidArgument && error.format == encoding.format)
      }
    }
  }
}
