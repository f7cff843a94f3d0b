// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Operations in a cancelled task")
struct OperationCancellationTests {
  static let operations: [(name: String, body: @Sendable (Bitmap, Arena) throws -> Void)] = [
    ("box blur", { try $0.boxBlurred(radius: 3, arena: $1).dispose() }),
    ("convolution", { try $0.convolved(with: .sharpening, arena: $1).dispose() }),
    ("over", { try $0.composited(with: $0, arena: $1).dispose() }),
    ("histogram", { bitmap, _ in _ = try bitmap.histogram() }),
    ("difference", { bitmap, _ in _ = try bitmap.difference(from: bitmap) }),
  ]

  @Test("Every operation stops and leaves nothing behind", arguments: [PixelFormat.rgba8, .gray16], operations.indices)
  func cancelled(format: PixelFormat, index: Int) async throws {
    let (name, body) = Self.operations[index]
    let arena = try Arena(name: "test")
    let bitmap = try Bitmap(width: 50, height: 40, format: format, arena: arena)
    let task = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      try body(bitmap, arena)
    }
    let result = await task.result
    #expect(throws: BitmapError.self, "\(name)") { try result.get() }
    if case .failure(let error) = result { #expect((error as? BitmapError)?.code == .cancelled) }
    // Outside of the task, it works as always.
    try body(bitmap, arena)
    bitmap.dispose()
    try arena.expectEmpty()
    try arena.destroy()
  }
}
