// SPDX-License-Identifier: Apache-2.0

/// Counts what happened in a cache.
public struct CacheStatistics: Sendable, Equatable {
  /// Requests for a value that was there and alive.
  public var hits = 0
  /// Requests for a value that was not there, was dead, or was being loaded.
  public var misses = 0
  /// Loads that began, including those that failed.
  public var loads = 0
  /// Values that the strong tier stopped holding: to keep its limit, or by `trim`.
  public var evictions = 0
  /// Entries that were removed because their value had died.
  public var dead = 0
}
