// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

/// Has a million buffers live, for measurements.
enum ManyTrial {
  static func run() throws {
    let buffers = try (0..<1_000_000).map { _ in try NativeBuffer(uninitializedByteCount: 1_024) }
    LedgerTrials.pause("started")
    withExtendedLifetime(buffers) {}
  }
}
