// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import Synchronization
import Testing

@testable import Bitmaps

@Suite("How often long work checks for cancellation")
struct WorkPaceTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let width: Int
    let height: Int
    let format: PixelFormat
    /// How many numbers the operation multiplies and adds at least.
    let work: Int
    let body: @Sendable (Bitmap, Arena) throws -> Void
    var testDescription: String { "\(name), \(format)" }
  }

  static let cases: [Case] = [
    // There are only two rows, so nearly all questions are asked within a row.
    Case(
      name: "blur of long rows", width: 2_000, height: 2, format: .rgba8, work: 2 * 2 * 2_000 * 4 * 6_001,
      body: { try $0.blurred(sigma: 1_000, arena: $1).dispose() }),
    Case(
      name: "blur of long rows", width: 1_000, height: 2, format: .gray16, work: 2 * 2 * 1_000 * 6_001,
      body: { try $0.blurred(sigma: 1_000, arena: $1).dispose() }),
    // Most of the work is done before the first row: it computes the weights of an axis.
    Case(
      name: "the weights of a long axis", width: 1, height: 200_000, format: .gray8, work: 200_000 * 6 * 128,
      body: { try $0.resized(toWidth: 1, height: 150_000, filter: .lanczos3, arena: $1).dispose() }),
    // There is only one target row.
    Case(
      name: "rows of many rows", width: 6_000, height: 4_000, format: .rgb8, work: 6_000 * 4_000 * 3,
      body: { try $0.resized(toWidth: 6_000, height: 1, arena: $1).dispose() }),
    Case(
      name: "rows of many rows", width: 3_000, height: 4_000, format: .gray16, work: 3_000 * 4_000,
      body: { try $0.resized(toWidth: 3_000, height: 1, arena: $1).dispose() }),
  ]

  @Test("The number of checks depends on the work, not on the number of rows", arguments: cases)
  func questions(_ item: Case) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap(width: item.width, height: item.height, format: item.format, arena: arena)
      defer { bitmap.dispose() }
      let asked = Atomic<Int>(0)
      try WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) { try item.body(bitmap, arena) }
      let count = asked.load(ordering: .relaxed)
      // Rounding up to whole parts can stretch an interval to less than twice its length.
      #expect(count >= item.work / WorkPace.interval / 2 && count > 1, "\(count)")
      #expect(count <= 4 * item.work / WorkPace.interval + 2, "\(count)")
    }
  }

  @Test("The first check after the cancellation ends the work", arguments: cases)
  func answer(_ item: Case) async throws {
    let arena = try Arena(name: "test")
    let bitmap = try Bitmap(width: item.width, height: item.height, format: item.format, arena: arena)
    let asked = Atomic<Int>(0)
    let task = Task {
      try WorkDeadline.$questionHook.withValue({
        if asked.add(1, ordering: .relaxed).newValue == 2 { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
      }) { try item.body(bitmap, arena) }
    }
    let result = await task.result
    #expect { try result.get() } throws: { ($0 as? BitmapError)?.code == .cancelled }
    #expect(asked.load(ordering: .relaxed) == 2)
    bitmap.dispose()
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test(
    "A blur in several parts has the same result as a blur of the whole row",
    arguments: [PixelFormat.rgba8, .rgb8, .gray16])
  func parts(format: PixelFormat) throws {
    try withOwnArena { arena in
      let (width, sigma) = (1_000, 900.0)
      let row = try Bitmap.make(width: width, height: 1, format: format, arena: arena) {
        format == .rgba8 && $0 % 4 == 3 ? 255 : UInt8(truncatingIfNeeded: $0 / 5 &* 7)
      }
      let length = WorkPace(WorkDeadline()).elementCount(costing: 5_401 * format.channelCount, step: 96)
      try #require(length < width)
      let blurred = try row.blurred(sigma: sigma, arena: arena).takePacked()
      let pixels = try row.takePacked()
      // The value of the first channel, in units of its high byte.
      func value(_ bytes: [UInt8], _ x: Int) -> Double {
        let start = min(max(x, 0), width - 1) * format.bytesPerPixel
        return format == .gray16 ? Double(bytes[start]) / 256 + Double(bytes[start + 1]) : Double(bytes[start])
      }
      let radius = 2_700
      let curve = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
      let total = curve.reduce(0, +)
      for border in stride(from: length, to: width, by: length) {
        for x in [border - 1, border, border + 1] {
          let sum = (-radius...radius).reduce(0) { $0 + curve[$1 + radius] * value(pixels, x + $1) } / total
          #expect(abs(value(blurred, x) - sum) <= 1, "\(x)")
        }
      }
    }
  }
}
