/// What happened in a cache.
public struct CacheStatistics: Sendable, Equatable {
  /// Asked for and alive.
  public var hits = 0
  /// Asked for and not there, or dead, or being loaded.
  public var misses = 0
  /// Loads begun, failed ones included.
  public var loads = 0
  /// Values that the strong tier let go of to keep its limit.
  public var evictions = 0
  /// Entries removed because their value had died.
  public var dead = 0
}
