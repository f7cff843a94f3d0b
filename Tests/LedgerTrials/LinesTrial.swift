// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

/// Has buffers of two lines of code live, then more of one of them, and ends with some of them.
enum LinesTrial {
  static let largeByteCount = 1_000_000
  static let smallByteCount = 1_000

  static func run() throws {
    var buffers = try (0..<3).map { _ in try large() }
    buffers += try (0..<100).map { _ in try small() }
    LedgerTrials.pause("started")
    buffers += try (0..<5).map { _ in try large() }
    LedgerTrials.pause("grown")
    for buffer in buffers.dropFirst(2) { buffer.dispose() }
    LedgerTrials.pause("disposed")
    unsafe kept = Array(buffers.prefix(2))
  }

  private static func large() throws -> NativeBuffer { try NativeBuffer(byteCount: largeByteCount) }
  private static func small() throws -> NativeBuffer { try NativeBuffer(byteCount: smallByteCount) }

  /// A global is not released at the end of the process.
  // SAFETY: only the main thread uses it.
  private nonisolated(unsafe) static var kept: [NativeBuffer] = []
}
