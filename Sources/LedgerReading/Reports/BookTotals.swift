// SPDX-License-Identifier: Apache-2.0

/// Blocks and the bytes of their size classes.
public struct BookTotals: Codable, Sendable, Equatable {
  public let count: Int
  public let byteCount: Int
}
