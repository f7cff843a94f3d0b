// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

/// A task is cancelled while the work is under way: when its deadline is asked for the nth time, for every n. The tests
/// count questions and do not measure time, so that each run stops at the same places.
@Suite("Cancellation in the middle of the work")
struct MidwayCancellationTests {
  /// A picture with a few hundred KB of pixels, so that every codec asks many times.
  static let (width, height) = (301, 400)

  static let formats: [PictureFormat] = [.jpeg, .png, .webp, .netpbm]

  static let encodings: [PictureEncoding] = [.jpeg(), .png(), .webP(), .webP(isLossless: true), .netpbm()]

  static let operations: [(name: String, body: @Sendable (Bitmap, Arena) throws -> Void)] = [
    ("resize", { try $0.resized(toWidth: 200, height: 250, filter: .lanczos3, arena: $1).dispose() }),
    ("downscale", { try $0.resized(toWidth: 100, height: 130, arena: $1).dispose() }),
    ("blur", { try $0.blurred(sigma: 2, arena: $1).dispose() }),
    ("box blur", { try $0.boxBlurred(radius: 3, arena: $1).dispose() }),
    ("convolution", { try $0.convolved(with: .sharpening, arena: $1).dispose() }),
    ("over", { try $0.composited(with: $0, arena: $1).dispose() }),
    ("conversion", { try $0.converted(to: .gray16, arena: $1).dispose() }),
    ("histogram", { bitmap, _ in _ = try bitmap.histogram() }),
    ("difference", { bitmap, _ in _ = try bitmap.difference(from: bitmap) }),
  ]

  /// Runs `body` in a task of its own, which is cancelled when its deadline is asked for the `n`th time. Returns how
  /// often it was asked, and the error.
  static func run(
    cancellingAt n: Int, _ body: @escaping @Sendable () throws -> Void
  ) async -> (questions: Int, error: BitmapError?) {
    let questions = Mutex(0)
    let hook: @Sendable () -> Void = {
      let isTime = questions.withLock { count in
        count += 1
        return count == n
      }
      if isTime { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
    }
    let task = Task {
      try WorkPace.$interval.withValue(1 << 12) { try WorkDeadline.$questionHook.withValue(hook) { try body() } }
    }
    switch await task.result {
    case .success: return (questions.withLock { $0 }, nil)
    case .failure(let error): return (questions.withLock { $0 }, error as? BitmapError)
    }
  }

  /// Cancels `body` at every question it asks (at most 20 of them, evenly spread), and expects that it ends there and
  /// leaves only `remaining` buffers in the arena.
  static func expectStops(
    _ name: String, arena: Arena, remaining: Int, atLeast: Int, _ body: @escaping @Sendable () throws -> Void
  ) async throws {
    let whole = await run(cancellingAt: .max, body)
    #expect(whole.error == nil, "\(name)")
    #expect(whole.questions >= atLeast, "\(name) is asked \(whole.questions) times")
    for n in stride(from: 1, through: whole.questions, by: max(1, whole.questions / 20)) {
      let stopped = await run(cancellingAt: n, body)
      #expect(stopped.error?.code == .cancelled, "\(name), question \(n) of \(whole.questions)")
      #expect(stopped.questions == n, "\(name) went on after question \(n)")
      arena.trim()
      #expect(try arena.counts().count == remaining && arena.rescueCount == 0, "\(name), question \(n)")
    }
    let again = await run(cancellingAt: .max, body)
    #expect(again.error == nil && again.questions == whole.questions, "\(name) works as before")
  }

  @Test("A cancelled decoder ends at any of its checks, and leaves nothing behind", arguments: formats)
  func decoding(format: PictureFormat) async throws {
    let arena = try Arena(name: "midway")
    let bitmap = try Bitmap.drawn(width: Self.width, height: Self.height, variant: 1, arena: arena)
    // libwebp asks once a kilobyte, and at the best quality there are several.
    let encoded =
      try format == .webp
      ? bitmap.encodedWebP(quality: 100, arena: arena) : bitmap.encoded(as: format, arena: arena)
    let file = try encoded.copied()
    encoded.dispose()
    bitmap.dispose()
    // The first question is asked before the header is read.
    try await Self.expectStops("\(format)", arena: arena, remaining: 0, atLeast: 8) {
      try Bitmap.decode(file, arena: arena).dispose()
    }
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("A WebP of a few bytes and many pixels ends at any check, also at the last one", arguments: [false, true])
  func webPOfOneColor(isLossless: Bool) async throws {
    let arena = try Arena(name: "midway")
    let bitmap = try Bitmap(width: 2000, height: 1500, format: .rgb8, arena: arena)
    let encoded = try bitmap.encodedWebP(isLossless: isLossless, arena: arena)
    let file = try encoded.copied()
    encoded.dispose()
    bitmap.dispose()
    #expect(file.count < 20_000)
    try await Self.expectStops("WebP", arena: arena, remaining: 0, atLeast: 20) {
      try Bitmap.decode(file, arena: arena).dispose()
    }
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("A progressive JPEG ends at any check in its scans", .enabled(if: Corpus.isPresent, Corpus.absence))
  func progressive() async throws {
    let arena = try Arena(name: "midway")
    let file = try Corpus.bytes("derived/rocket_progressive_420.jpg")
    try await Self.expectStops("progressive", arena: arena, remaining: 0, atLeast: 20) {
      try Bitmap.decode(file, arena: arena).dispose()
    }
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("A cancelled encoder ends at any of its checks, and leaves nothing behind", arguments: encodings.indices)
  func encoding(index: Int) async throws {
    let encoding = Self.encodings[index]
    let arena = try Arena(name: "midway")
    let bitmap = try Bitmap.drawn(width: Self.width, height: Self.height, variant: 1, arena: arena)
    try await Self.expectStops("\(encoding)", arena: arena, remaining: 1, atLeast: 8) {
      try bitmap.encoded(as: encoding, arena: arena).dispose()
    }
    bitmap.dispose()
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("A cancelled operation ends at any of its checks, and leaves nothing behind", arguments: operations.indices)
  func operation(index: Int) async throws {
    let (name, body) = Self.operations[index]
    let arena = try Arena(name: "midway")
    let bitmap = try Bitmap(width: Self.width, height: Self.height, format: .rgba8, arena: arena)
    try await Self.expectStops(name, arena: arena, remaining: 1, atLeast: 8) { try body(bitmap, arena) }
    bitmap.dispose()
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("If work from file to file is cancelled, there is no file")
  func files() async throws {
    let arena = try Arena(name: "midway")
    let bitmap = try Bitmap.drawn(width: Self.width, height: Self.height, variant: 1, arena: arena)
    for format in [PictureFormat.jpeg, .png, .webp] {
      try await Self.withFolder { folder in
        let path = "\(folder)/picture"
        try await Self.expectStops("writing \(format)", arena: arena, remaining: 1, atLeast: 8) {
          #expect(Files.names(in: folder).isEmpty)
          switch format {
          case .jpeg: try bitmap.writeJPEG(toFileAt: path, arena: arena)
          case .png: try bitmap.writePNG(toFileAt: path, arena: arena)
          default: try bitmap.writeWebP(toFileAt: path, arena: arena)
          }
          #expect(Files.names(in: folder) == ["picture"])
          unsafe unlink(path)
        }
        #expect(Files.names(in: folder).isEmpty)
      }
    }
    bitmap.dispose()
    try arena.expectEmpty()
    try arena.destroy()
  }

  /// The same as ``Files/withTemporaryFolder(_:)`` for asynchronous bodies.
  static func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = try Files.makeTemporaryFolder()
    defer { unsafe rmdir(folder) }
    try await body(folder)
  }

  @Test(
    "If the time is over in the middle of the work, the work ends, and the error says how long it took",
    arguments: formats)
  func outOfTime(format: PictureFormat) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.drawn(width: Self.width, height: Self.height, variant: 1, arena: arena)
      let encoded = try bitmap.encoded(as: format, arena: arena)
      let file = try encoded.copied()
      encoded.dispose()
      bitmap.dispose()
      var limits = DecodingLimits()
      limits.wallTime = .milliseconds(1)
      let questions = Mutex(0)
      // The time is over at the fourth question.
      let start = ContinuousClock.now
      let error = try bitmapError {
        try WorkDeadline.$clockHook.withValue({ questions.withLock { $0 < 4 ? start : start + .milliseconds(2) } }) {
          try WorkDeadline.$questionHook.withValue({ questions.withLock { $0 += 1 } }) {
            _ = try Bitmap.decode(file, limits: limits, arena: arena).dispose()
          }
        }
      }
      #expect(questions.withLock { $0 } == 4)
      let limit = try #require(error.exceededLimit)
      #expect(limit.name == "wallTime" && limit.allowed == 1 && limit.unit == "milliseconds")
      #expect(limit.needed == 3)
      // An error of the operation itself names no format here; an error of a codec does.
      let subject = "decoding this \(format)"
      #expect(
        error.description.hasPrefix(
          "\(subject) needs \(limit.needed ?? 0) milliseconds or more; the limit `wallTime` is 1 millisecond"
        ), "\(error)")
    }
  }
}
