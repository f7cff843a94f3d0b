// SPDX-License-Identifier: Apache-2.0

/// What the process had in one second of the last hour.
package struct HistorySample: Codable, Sendable, Equatable {
  /// The second of the ledger's clock.
  package var second: Int
  /// The level of memory pressure; 0 for none.
  package var pressure: Int
  package var liveCount: Int
  package var liveByteCount: Int
  package var idleByteCount: Int
  package var residentSet: Int
  /// Disposed and rescued since the process began.
  package var disposedCount: Int
  package var rescuedCount: Int
  /// Bytes of the process's budget that were in use.
  package var budgetByteCount: Int
}

/// The lines that had most bytes when there were most live bytes, or when an allocation failed.
package struct LedgerPeak: Codable, Sendable, Equatable {
  package enum Reason: String, Codable, Sendable {
    case mostLiveBytes
    case failedAllocation
  }

  package var reason: Reason
  /// The second of the ledger's clock.
  package var second: Int
  package var liveCount: Int
  package var liveByteCount: Int
  /// The bytes that the failed allocation asked for.
  package var requestedByteCount: Int
  /// At most 20 lines, most bytes first.
  package var sites: [Share]

  package struct Share: Codable, Sendable, Equatable {
    /// The position of the line in ``LedgerSnapshot/sites``.
    package var site: Int
    package var count: Int
    package var byteCount: Int
  }
}
