// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Encoded bytes in the types that clients have")
struct ByteInputTests {
  /// A collection whose elements are not contiguous in memory.
  struct Scattered: Collection {
    let bytes: [UInt8]
    var startIndex: Int { 0 }
    var endIndex: Int { bytes.count }
    func index(after i: Int) -> Int { i + 1 }
    subscript(i: Int) -> UInt8 { bytes[i] }
  }

  private static func decodesEverywhere(
    _ bytes: some Collection<UInt8>, like expected: [UInt8], _ arena: Arena
  ) throws {
    #expect(try Bitmap(decoding: bytes, arena: arena).takePacked() == expected)
    var decoder = PictureDecoder(arena: arena)
    for start in stride(from: 0, to: bytes.count, by: 100) { try decoder.append(bytes.dropFirst(start).prefix(100)) }
    #expect(try decoder.finish().takePacked() == expected)
    var bitmap = try Bitmap(width: 30, height: 20, format: .rgb8, arena: arena)
    try bitmap.replacePixels(decoding: bytes, arena: arena)
    #expect(try bitmap.takePacked() == expected)
    #expect(try PictureInfo(probing: bytes).width == 30)
    #expect(try PictureInfo.exifData(of: bytes) == nil)
    #expect(PictureFormat(recognizing: bytes) == .png)
  }

  @Test("Arrays, slices, Data and other collections decode like a span")
  func collections() throws {
    try withOwnArena { arena in
      let drawn = try Bitmap.drawn(width: 30, height: 20, arena: arena)
      let expected = try drawn.packed()
      let picture = try drawn.encodedPNG(arena: arena)
      drawn.dispose()
      let bytes = try picture.copied(as: [UInt8].self)
      do {
        let pin = try picture.pin()
        #expect(pin.byteCount == bytes.count && pin.span[1] == bytes[1])
        #expect(try Bitmap(decoding: pin.span, arena: arena).takePacked() == expected)
      }
      picture.dispose()
      #expect(throws: BitmapError.self) { _ = try picture.pin().byteCount }
      try Self.decodesEverywhere(bytes, like: expected, arena)
      try Self.decodesEverywhere(([0, 0] + bytes + [0])[2...].dropLast(), like: expected, arena)
      try Self.decodesEverywhere(ContiguousArray(bytes), like: expected, arena)
      try Self.decodesEverywhere(Data(bytes), like: expected, arena)
      try Self.decodesEverywhere(Data([1, 2] + bytes).dropFirst(2), like: expected, arena)
      try Self.decodesEverywhere(Scattered(bytes: bytes), like: expected, arena)
      try Self.decodesEverywhere(bytes.lazy.map { $0 }, like: expected, arena)
      let span = bytes.span
      #expect(try Bitmap(decoding: span, arena: arena).takePacked() == expected)
      var limits = DecodingLimits()
      limits.encodedByteCount = 10
      for isScattered in [false, true] {
        let error = try bitmapError {
          let bitmap =
            try isScattered
            ? Bitmap(decoding: Scattered(bytes: bytes), limits: limits) : Bitmap(decoding: bytes, limits: limits)
          bitmap.dispose()
        }
        #expect(error.exceededLimit?.name == "encodedByteCount" && error.exceededLimit?.needed == bytes.count)
      }
      #expect(ColorProfile(iccData: bytes[3...]) == nil)
    }
  }

  @Test("A picture can be encoded into the span of an array")
  func encoding() throws {
    try withOwnArena { arena in
      let drawn = try Bitmap.drawn(width: 30, height: 20, arena: arena)
      defer { drawn.dispose() }
      var target = [UInt8](repeating: 0, count: 100_000)
      var span = target.mutableSpan
      let count = try drawn.encode(as: .png(), into: &span, arena: arena)
      #expect(try Bitmap(decoding: target.prefix(count), arena: arena).takePacked() == drawn.packed())
    }
  }

  @Test(
    "A client in strict mode needs no unsafe code for any of these types",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func strictClients() throws {
    let outcome = try TypeChecker.check(
      """
      import Bitmaps
      import Foundation
      func decode(
        _ array: [UInt8], _ slice: ArraySlice<UInt8>, _ data: Data, _ span: Span<UInt8>, _ raw: RawSpan
      ) throws {
        var decoder = PictureDecoder()
        try decoder.append(array)
        try decoder.append(slice)
        try decoder.append(data)
        try decoder.append(span)
        try decoder.append(raw)
        var bitmap = try decoder.finish()
        try bitmap.replacePixels(decoding: array)
        try bitmap.replacePixels(decoding: slice)
        try bitmap.replacePixels(decoding: data)
        try bitmap.replacePixels(decoding: span)
        try bitmap.replacePixels(decoding: raw)
        for bitmap in try [
          Bitmap(decoding: array), Bitmap(decoding: slice), Bitmap(decoding: data), Bitmap(decoding: span),
          Bitmap(decoding: raw),
        ] { bitmap.dispose() }
        print(try PictureInfo(probing: array), try PictureInfo(probing: slice), try PictureInfo(probing: data))
        print(try PictureInfo(probing: span), try PictureInfo(probing: raw))
        print(try PictureInfo.exifData(of: array) ?? [], try PictureInfo.exifData(of: span) ?? [])
        print(PictureFormat(recognizing: array) as Any, PictureFormat(recognizing: span) as Any)
        print(ColorProfile(iccData: array) as Any, ColorProfile(iccData: data) as Any)
        var target = array
        var mutable = target.mutableSpan
        print(try bitmap.encode(as: .png(), into: &mutable), try bitmap.encodedPNG().copied(as: Data.self))
      }
      """, isStrict: true)
    #expect(outcome.succeeded, "\(outcome.diagnostics)")
  }
}
