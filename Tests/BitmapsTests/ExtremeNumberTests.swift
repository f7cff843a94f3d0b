// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

/// Each number is accepted, or refused with an error of the module. No number ends the program.
@Suite("The largest and smallest numbers from a client")
struct ExtremeNumberTests {
  static let numbers = [Int.min, -7_000_000_000, -1, 0, 1, 1 << 31, 1 << 32, 7_000_000_000, 1 << 62, .max]
  /// Numbers that no picture can have as its width or height.
  static let refused = numbers.filter { $0 < 1 || $0 > 1 << 33 } + [7_000_000_000]

  private static func attempt(_ body: () throws -> Void) {
    do { try body() } catch { precondition(error is BitmapError, "\(error)") }
  }

  private static func attemptBitmap(_ body: () throws -> Bitmap) { attempt { _ = try body().dispose() } }

  @Test("Extreme sizes do not end the program")
  func sizes() async {
    await #expect(processExitsWith: .success) {
      let bitmap = try Bitmap(width: 3, height: 2, format: .rgb8)
      for a in ExtremeNumberTests.refused {
        for b in ExtremeNumberTests.refused + [1] {
          for (width, height) in [(a, b), (b, a)] {
            // The exception is not refused, and takes that much address space.
            if max(a, b) > 1 << 33 || min(a, b) < 1 {
              ExtremeNumberTests.attemptBitmap { try Bitmap(width: width, height: height, format: .rgbaF32) }
            }
            ExtremeNumberTests.attemptBitmap { try Bitmap.drawn(width: width, height: height) }
            ExtremeNumberTests.attemptBitmap { try bitmap.resized(toWidth: width, height: height) }
            ExtremeNumberTests.attemptBitmap { try bitmap.downscaled(toWidth: width, height: height) }
          }
        }
        ExtremeNumberTests.attemptBitmap { try Bitmap(width: 1, height: 1, format: .gray8, bytesPerRow: a) }
      }
    }
  }

  @Test("Extreme positions, counts and strengths do not end the program")
  func places() async {
    await #expect(processExitsWith: .success) {
      let bitmap = try Bitmap(width: 3, height: 2, format: .rgb8)
      for a in ExtremeNumberTests.numbers {
        for b in ExtremeNumberTests.numbers {
          ExtremeNumberTests.attempt { _ = try bitmap.cropped(to: PixelRect(x: a, y: b, width: 1, height: 1)) }
          ExtremeNumberTests.attempt { _ = try bitmap.cropped(to: PixelRect(x: 1, y: 1, width: a, height: b)) }
          ExtremeNumberTests.attempt { _ = try bitmap.tiles(width: a, height: b).map(\.rect) }
          ExtremeNumberTests.attemptBitmap { try bitmap.composited(with: bitmap, atX: a, y: b) }
          ExtremeNumberTests.attempt { try bitmap.withRowBands(jobs: a, rowCount: b) { _ in } }
          ExtremeNumberTests.attempt {
            var copy = bitmap
            try copy.replacePixels(atX: a, y: b, with: bitmap)
          }
        }
        ExtremeNumberTests.attemptBitmap { try Bitmap.drawn(width: 3, height: 2, variant: a) }
        ExtremeNumberTests.attemptBitmap { try bitmap.downscaled(toWidth: a) }
        ExtremeNumberTests.attemptBitmap { try bitmap.boxBlurred(radius: a) }
        ExtremeNumberTests.attemptBitmap { try bitmap.blurred(sigma: Double(a)) }
        for encoding in [PictureEncoding.jpeg(quality: a), .png(compression: a), .webP(quality: a), .jpeg()] {
          ExtremeNumberTests.attempt { _ = try bitmap.encoded(as: encoding, maximumByteCount: a).dispose() }
        }
        ExtremeNumberTests.attempt { _ = try bitmap.encodedNetpbm(maximumByteCount: a).dispose() }
      }
    }
  }

  private static func attemptDecoding(_ file: EncodedPicture, minimumWidth: Int?, limits: DecodingLimits) {
    attemptBitmap {
      try file.withBytes { try Bitmap(decoding: $0, minimumWidth: minimumWidth, limits: limits) }
    }
    attemptBitmap {
      var decoder = PictureDecoder(minimumWidth: minimumWidth, limits: limits)
      try file.withBytes { try decoder.append($0) }
      return try decoder.finish()
    }
  }

  @Test("Extreme limits do not end the program")
  func limits() async {
    await #expect(processExitsWith: .success) {
      let bitmap = try Bitmap(width: 3, height: 2, format: .rgb8)
      let encodings: [PictureEncoding] = [.jpeg(), .png(), .webP(), .netpbm()]
      for file in try encodings.map({ try bitmap.encoded(as: $0) }) {
        for a in ExtremeNumberTests.numbers {
          ExtremeNumberTests.attemptDecoding(file, minimumWidth: a, limits: .default)
          for keyPath: WritableKeyPath<DecodingLimits, Int> in [
            \.width, \.height, \.pixelCount, \.pixelByteCount, \.workingMemoryByteCount, \.scanCount,
            \.encodedByteCount, \.colorProfileByteCount, \.embeddedByteCount,
          ] {
            var limits = DecodingLimits()
            limits[keyPath: keyPath] = a
            ExtremeNumberTests.attemptDecoding(file, minimumWidth: nil, limits: limits)
          }
          let second = Duration.seconds(a)
          for wallTime in [second, second / 1_000 - .nanoseconds(1), second / 1_000 + .seconds(1), second + second] {
            var limits = DecodingLimits()
            limits.wallTime = wallTime
            ExtremeNumberTests.attemptDecoding(file, minimumWidth: nil, limits: limits)
          }
        }
      }
    }
  }
}
