// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("Headers of Netpbm files")
struct NetpbmHeaderTests {
  /// A header of each kind, with `count` bytes in it that are not needed, and two samples of gray.
  static func files(surplus count: Int) -> [[UInt8]] {
    let comment = "#" + String(repeating: "c", count: count - 2) + "\n"
    let lines = String(repeating: "# c\n", count: count / 4)
    let blanks = String(repeating: " ", count: count)
    let zeros = String(repeating: "0", count: count)
    let pam = "WIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\n"
    let heads = [
      "P5\n\(comment)2 1 255\n", "P5 2 \(lines)1 255\n", "P5 2 1\(blanks)255\n", "P5 \(zeros)2 1 255\n",
      "P5 2 1 255#\(comment) ", "P4 \(lines)2 1\n", "P2 2 1 \(zeros)255 ",
      "P7\n\(comment)\(pam)ENDHDR\n", "P7\n\(pam)\(lines)ENDHDR\n", "P7\n\(blanks)\(pam)ENDHDR\n",
      "P7\nTUPLTYPE\(blanks)GRAYSCALE\n\(pam)ENDHDR\n", "P7\n\(pam)WIDTH \(zeros)2\nENDHDR\n",
      "P7\n\(pam)HEIGHT 1\(blanks)\nENDHDR\n", "P7\n\(pam)\(zeros) 1\nENDHDR\n", "P7\n\(pam)ENDHDR \(blanks)\n",
    ]
    return heads.filter { !$0.contains("255##") }.map { Array($0.utf8) + Array("1 2 ".utf8) }
  }

  @Test(
    "Comments, white space, zeros and unused lines are skipped up to a limit")
  func limit() throws {
    try withOwnArena { arena in
      var limits = DecodingLimits()
      for file in Self.files(surplus: 4000) {
        // SAFETY: an array of bytes is initialised throughout.
        let info = try unsafe PictureInfo(probing: file.span.bytes)
        #expect(info.width == 2 && info.height == 1)
        #expect(info.embeddedByteCount >= 4000 - NetpbmHeader.plainByteCount && info.embeddedByteCount < 4000)
        limits.embeddedByteCount = info.embeddedByteCount
        try Bitmap.decode(file, limits: limits, arena: arena).dispose()
        limits.embeddedByteCount -= 1
        let errors = try [
          bitmapError { try Bitmap.decode(file, limits: limits, arena: arena).dispose() },
          // SAFETY: as above.
          bitmapError { _ = try unsafe PictureInfo(probing: file.span.bytes, limits: limits) },
          bitmapError {
            var decoder = PictureDecoder(limits: limits, arena: arena)
            for i in file.indices { try LateMetadataTests.append(file[i...i], to: &decoder) }
          },
        ]
        for error in errors {
          #expect(error.exceededLimit?.name == "embeddedByteCount", "\(error)")
          #expect(error.exceededLimit?.allowed == limits.embeddedByteCount)
        }
      }
      limits.embeddedByteCount = 0
      try Bitmap.decode(Array("P5 1 1 255\n1".utf8), limits: limits, arena: arena).dispose()
      limits.embeddedByteCount = .max
      try Bitmap.decode(Self.files(surplus: 4000)[0], limits: limits, arena: arena).dispose()
    }
  }

  @Test("If the file arrives in pieces, each byte of the header is read once")
  func linear() throws {
    try withOwnArena { arena in
      // With this interval, there is a question for each 64 bytes of a header.
      for file in Self.files(surplus: 40_000) {
        let asked = Atomic<Int>(0)
        let (known, appends) = try WorkPace.$interval.withValue(1 << 12) {
          try WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) {
            var decoder = PictureDecoder(limits: .default, arena: arena)
            var appends = 0
            for start in stride(from: 0, to: file.count, by: 64) {
              try LateMetadataTests.append(file[start..<min(start + 64, file.count)], to: &decoder)
              appends += 1
            }
            return (decoder.info, appends)
          }
        }
        #expect(known?.width == 2)
        // There is one question for each call, and one or two for the new bytes in it.
        #expect(asked.load(ordering: .relaxed) <= 3 * appends)
      }
    }
  }

  @Test("Cancellation ends the reading of a header, and of white space and zeros between samples")
  func cancellation() async throws {
    let arena = try Arena(name: "netpbm")
    for file in Self.files(surplus: 20_000) {
      try await MidwayCancellationTests.expectStops("header", arena: arena, remaining: 0, atLeast: 300) {
        try Bitmap.decode(file, arena: arena).dispose()
      }
    }
    for filler in [" ", "0", "#c\n"] {
      let file = Array(("P2 2 1 255\n1 " + String(repeating: filler, count: 20_000) + "7 ").utf8)
      try await MidwayCancellationTests.expectStops("samples", arena: arena, remaining: 0, atLeast: 300) {
        try Bitmap.decode(file, arena: arena).dispose()
      }
    }
    try arena.expectEmpty()
    try arena.destroy()
  }

  /// A sample as 16 bits, rounded to nearest.
  private static func scaled(_ sample: Int, _ maximum: Int) -> UInt16 {
    UInt16((Double(sample) * 65_535 / Double(maximum)).rounded())
  }

  @Test(
    "Samples of any maximum are scaled exactly to 16 bits and floats", arguments: [1, 31, 100, 254, 255, 1023, 65_535])
  func depths(maximum: Int) throws {
    try withOwnArena { arena in
      let samples = (0..<1020).map { $0 * 7919 % (maximum + 1) }
      let binary = samples.flatMap { maximum > 255 ? [UInt8($0 >> 8), UInt8($0 & 255)] : [UInt8($0)] }
      let plain = Array(samples.map(String.init).joined(separator: " ").utf8)
      func pam(_ depth: Int) -> [UInt8] {
        Array("P7\nWIDTH \(1020 / depth)\nHEIGHT 1\nDEPTH \(depth)\nMAXVAL \(maximum)\nENDHDR\n".utf8) + binary
      }
      let expected = samples.map { Self.scaled($0, maximum) }
      let files: [(channels: Int, file: [UInt8])] = [
        (1, Array("P5 1020 1 \(maximum)\n".utf8) + binary), (1, Array("P2 1020 1 \(maximum)\n".utf8) + plain),
        (3, Array("P6 340 1 \(maximum)\n".utf8) + binary), (3, Array("P3 340 1 \(maximum)\n".utf8) + plain),
        (1, pam(1)), (2, pam(2)), (3, pam(3)), (4, pam(4)),
      ]
      for (channels, file) in files {
        var pixels: [UInt16] = []
        for start in stride(from: 0, to: 1020, by: channels) {
          let color =
            channels <= 2 ? [UInt16](repeating: expected[start], count: 3) : Array(expected[start..<start + 3])
          pixels += color + [channels % 2 == 0 ? expected[start + channels - 1] : 65_535]
        }
        let wide = try Bitmap.decode(file, format: .rgba16, arena: arena).takePacked()
        #expect(wide == pixels.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }, "\(channels) channels")
        var target = try Bitmap(width: 1020 / channels, height: 1, format: .rgba16, arena: arena)
        // SAFETY: an array of bytes is initialised throughout.
        try unsafe target.replacePixels(decoding: file.span.bytes, arena: arena)
        #expect(try target.takePacked() == wide)
        let floats = try Bitmap.decode(file, format: .rgbaF32, arena: arena)
        defer { floats.dispose() }
        var largest: Float = 0
        try floats.withRow(0) { row in
          for (i, pixel) in pixels.enumerated() {
            let value = unsafe row.unsafeLoad(fromByteOffset: 4 * i, as: Float.self)
            largest = max(largest, abs(value - Float(pixel) / 65_535))
          }
        }
        #expect(largest < 0.000_000_2)
        guard channels == 1 else { continue }
        let gray = try Bitmap.decode(file, format: .gray16, arena: arena).takePacked()
        #expect(gray == expected.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
      }
      // The bitmap in between is the largest: it has 16 bits, because 8 would round. It has rows of 340 pixels, in
      // steps of 64 bytes.
      let largest = (255 % maximum == 0 ? 16 : 43) * 64
      var limits = DecodingLimits()
      limits.pixelByteCount = largest
      try Bitmap.decode(files[2].file, format: .gray16, limits: limits, arena: arena).dispose()
      limits.pixelByteCount -= 1
      let error = try bitmapError {
        try Bitmap.decode(files[2].file, format: .gray16, limits: limits, arena: arena).dispose()
      }
      #expect(error.exceededLimit?.name == "pixelByteCount" && error.exceededLimit?.needed == largest)
    }
  }

  @Test("In a format of 16 bits, the bits of a bitmap become 0 and 65,535")
  func bits() throws {
    try withOwnArena { arena in
      for file in [Array("P1 2 1 10".utf8), Array("P4 2 1\n".utf8) + [0x80]] {
        let pixels = try Bitmap.decode(file, format: .gray16, arena: arena).takePacked()
        #expect(pixels == [0, 0, 255, 255])
      }
    }
  }
}
