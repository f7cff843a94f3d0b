// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Cancelled tasks and time limits")
struct CancellationTests {
  /// Runs `body` in a task that was cancelled before it began, and returns the error that it must throw.
  static func errorWhenCancelled(
    _ body: @escaping @Sendable () throws -> Void
  ) async throws -> BitmapError {
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      try body()
    }
    task.cancel()
    return try #require(await #expect(throws: BitmapError.self) { try await task.value })
  }

  @Test("Each function stops when its task is cancelled, and leaves nothing behind")
  func everyFunction() async throws {
    let arena = try Arena(name: "cancellation")
    let file = try JPEGDecodingTests.drawnJPEG(width: 64, height: 64, arena: arena)
    let bitmap = try Bitmap.drawn(width: 64, height: 64, arena: arena)
    let functions: [(name: String, run: @Sendable () throws -> Void)] = [
      ("decode", { try Bitmap.decode(file, arena: arena).dispose() }),
      ("encode JPEG", { try bitmap.encodedJPEG(arena: arena).dispose() }),
      ("encode PNG", { try bitmap.encodedPNG(arena: arena).dispose() }),
      ("encode WebP", { try bitmap.encodedWebP(arena: arena).dispose() }),
      ("encode lossless WebP", { try bitmap.encodedWebP(isLossless: true, arena: arena).dispose() }),
      ("encode Netpbm", { try bitmap.encodedNetpbm(arena: arena).dispose() }),
      ("resize", { try bitmap.resized(toWidth: 20, height: 20, arena: arena).dispose() }),
      ("blur", { try bitmap.blurred(sigma: 1, arena: arena).dispose() }),
    ]
    for function in functions {
      let error = try await Self.errorWhenCancelled(function.run)
      #expect(error.code == .cancelled, "\(function.name): \(error)")
      try function.run()  // Outside of a cancelled task, it works.
    }
    bitmap.dispose()
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test(
    "A decoder whose time is over throws an error that names the limit, and leaves nothing behind",
    arguments: [PictureFormat.jpeg, .png, .webp, .netpbm])
  func wallTime(format: PictureFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: 64, height: 640, arena: arena)
      defer { bitmap.dispose() }
      let encoded = try bitmap.encoded(as: format, arena: arena)
      defer { encoded.dispose() }
      var limits = DecodingLimits()
      limits.wallTime = .zero
      let error = try bitmapError {
        try encoded.withBytes { _ = try Bitmap(decoding: $0, limits: limits, arena: arena).dispose() }
      }
      #expect(error.code == .limitExceeded && error.exceededLimit?.name == "wallTime")
      #expect(error.format == format && error.description.contains("\(format)"))
      #expect(error.exceededLimit?.allowed == 0 && error.description.contains("0 milliseconds"))
    }
  }
}
