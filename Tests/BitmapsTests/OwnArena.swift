// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditing
import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

/// Calls `body` with an arena of its own, and checks afterwards that nothing is left in it and nothing was rescued.
/// Because the arena is its own, the counts are exact although other tests run at the same time.
func withOwnArena<R>(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: (Arena) throws -> R
) throws -> R {
  let arena = try Arena(name: "test")
  let result = try body(arena)
  try arena.expectEmpty(sourceLocation: sourceLocation)
  try arena.destroy()
  return result
}

extension Arena {
  /// The same as ``expectEmpty(_:sourceLocation:)``, for places in which an expectation would take too long.
  var isEmptyAfterTrimming: Bool {
    trim()
    return (try? counts().count) == 0 && rescueCount == 0
  }

  /// Checks the allocator's book: not only the handles are gone, but the memory was given back, too.
  func expectEmpty(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
    trim()
    #expect(try counts().count == 0, comment, sourceLocation: sourceLocation)
    #expect(rescueCount == 0, "Every buffer is disposed, not left to deinit.", sourceLocation: sourceLocation)
  }

  /// Makes the first allocation from this arena in `body` fail, then the second, and so on. Expects each time that
  /// `body` throws `outOfMemory` or works, that both books agree, and that only `remaining` buffers are left.
  /// - Returns: how many times it threw.
  func failEachAllocation(remaining: Int = 0, _ body: () throws -> Void) throws -> Int {
    var failures = 0
    for n in 1... {
      failureCountdown.store(n, ordering: .relaxed)
      defer { failureCountdown.store(0, ordering: .relaxed) }
      do {
        try body()
        if failureCountdown.load(ordering: .relaxed) > 0 { break }  // n is beyond the last allocation
      } catch let error as BitmapError {
        #expect(error.code == .outOfMemory && error.underlyingError is NativeBufferError)
        failures += 1
      }
      // At this time, idle blocks are still in place.
      let report = try LeakAuditor.audit()
      let books = try #require(report.arenas.first { $0.index == Int(index) })
      #expect(books.difference == 0 && books.live.count == remaining, "allocation \(n) failing")
      #expect(books.allocatorCount == books.idle.count + remaining, "allocation \(n) failing")
      trim()
      #expect(try counts().count == remaining && rescueCount == 0, "allocation \(n) failing")
    }
    return failures
  }
}

/// Calls `body`, which must throw a `BitmapError`, and returns that error.
func bitmapError(
  _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) throws -> BitmapError {
  try #require(throws: BitmapError.self, comment, sourceLocation: sourceLocation) { try body() }
}

extension Bitmap {
  /// Decodes an array of bytes.
  static func decode(
    _ bytes: [UInt8], format: PixelFormat? = nil, minimumWidth: Int? = nil, limits: DecodingLimits = .default,
    arena: Arena
  ) throws -> Bitmap {
    // SAFETY: an array of bytes is initialised throughout.
    try unsafe Bitmap(
      decoding: bytes.span.bytes, format: format, minimumWidth: minimumWidth, limits: limits, arena: arena)
  }

  /// A bitmap of given pixels, row by row without padding.
  static func make(
    width: Int, height: Int, format: PixelFormat, arena: Arena, _ value: (_ index: Int) -> UInt8
  ) throws -> Bitmap {
    var bitmap = try Bitmap(width: width, height: height, format: format, arena: arena)
    let count = width * format.bytesPerPixel
    for y in 0..<height {
      try bitmap.withMutableRow(y) { row in
        for i in 0..<count { row.storeBytes(of: value(y * count + i), toByteOffset: i, as: UInt8.self) }
      }
    }
    return bitmap
  }

  /// The pixels, row by row without padding.
  func packed() throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(width * height * format.bytesPerPixel)
    for y in 0..<height {
      try withRow(y) { row in unsafe row.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
    }
    return bytes
  }

  /// The pixels; the bitmap is disposed afterwards.
  func takePacked() throws -> [UInt8] {
    defer { dispose() }
    return try packed()
  }
}

/// The mean of the absolute differences.
func meanDifference(_ a: [UInt8], _ b: [UInt8]) -> Double {
  precondition(a.count == b.count)
  var sum = 0
  for i in a.indices { sum += abs(Int(a[i]) - Int(b[i])) }
  return Double(sum) / Double(max(1, a.count))
}

func maximumDifference(_ a: [UInt8], _ b: [UInt8]) -> Int {
  precondition(a.count == b.count)
  var maximum = 0
  for i in a.indices { maximum = max(maximum, abs(Int(a[i]) - Int(b[i]))) }
  return maximum
}
