/// Part of a cache's entries: a hash table with chains, and its strong entries from the most to the least
/// recently used. A plain value; the cache keeps each behind a lock.
struct CacheShard<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
  typealias Registration = FinalizationRegistry<CacheDeath>.Registration

  struct Entry: Sendable {
    var key: Key
    var hash: Int
    /// Unlike any other entry's of the cache, so that a late cleanup knows its own.
    var serial: UInt64
    var weak: WeakReference<Value>?
    var registration: Registration?
    /// Where the value is being loaded.
    var load: CacheLoad<Value>?
    /// Where the strong tier has it.
    var strong: Value?
    var byteCount = 0
    /// When it was last used: see ``ResourceCache/clock``.
    var stamp: UInt64 = 0
    var next = -1
    var newer = -1
    var older = -1
  }

  /// Slots in use and not.
  private var entries: [Entry?] = []
  private var unused: [Int] = []
  private var buckets = [Int](repeating: -1, count: 16)
  private(set) var newest = -1
  private(set) var oldest = -1
  var statistics = CacheStatistics()

  // MARK: The table

  func find(_ key: Key, hash: Int) -> Int? {
    var slot = buckets[hash & (buckets.count - 1)]
    while slot >= 0 {
      if entries[slot]?.hash == hash, entries[slot]?.key == key { return slot }
      slot = entries[slot]?.next ?? -1
    }
    return nil
  }

  func find(serial: UInt64, hash: Int) -> Int? {
    var slot = buckets[hash & (buckets.count - 1)]
    while slot >= 0 {
      if entries[slot]?.serial == serial { return slot }
      slot = entries[slot]?.next ?? -1
    }
    return nil
  }

  subscript(slot: Int) -> Entry? { entries[slot] }

  /// The value of an entry, where it is alive.
  func value(at slot: Int) -> Value? { entries[slot]?.weak?.target }
  func isStrong(_ slot: Int) -> Bool { entries[slot]?.strong != nil }

  mutating func insert(_ entry: Entry) {
    if entries.count - unused.count >= buckets.count { grow() }
    var entry = entry
    let bucket = entry.hash & (buckets.count - 1)
    entry.next = buckets[bucket]
    if let slot = unused.popLast() {
      entries[slot] = entry
      buckets[bucket] = slot
    } else {
      entries.append(entry)
      buckets[bucket] = entries.count - 1
    }
  }

  /// Gives an entry whose load is over its value.
  mutating func settle(_ slot: Int, weak: WeakReference<Value>, registration: Registration, byteCount: Int) {
    entries[slot]?.load = nil
    entries[slot]?.weak = weak
    entries[slot]?.registration = registration
    entries[slot]?.byteCount = byteCount
  }

  /// - Returns: the entry, to be released after the lock.
  mutating func remove(_ slot: Int) -> Entry? {
    guard let entry = entries[slot] else { return nil }
    unlink(slot)
    let bucket = entry.hash & (buckets.count - 1)
    if buckets[bucket] == slot {
      buckets[bucket] = entry.next
    } else {
      var previous = buckets[bucket]
      while previous >= 0, let next = entries[previous]?.next, next != slot { previous = next }
      if previous >= 0 { entries[previous]?.next = entry.next }
    }
    entries[slot] = nil
    unused.append(slot)
    return entry
  }

  private mutating func grow() {
    buckets = [Int](repeating: -1, count: buckets.count * 2)
    for slot in entries.indices {
      guard let hash = entries[slot]?.hash else { continue }
      let bucket = hash & (buckets.count - 1)
      entries[slot]?.next = buckets[bucket]
      buckets[bucket] = slot
    }
  }

  var count: Int { entries.count - unused.count }

  /// Empties the shard. Loads under way go on, and find their entries gone.
  mutating func removeAll() -> [Entry] {
    let removed = entries.compactMap { $0 }
    let statistics = statistics
    self = CacheShard()
    self.statistics = statistics
    return removed
  }

  // MARK: The strong tier

  /// Makes an entry the most recently used one, and strong.
  mutating func touch(_ slot: Int, value: Value, stamp: UInt64) {
    entries[slot]?.stamp = stamp
    entries[slot]?.strong = value
    if newest == slot { return }
    unlink(slot, keeping: true)
    entries[slot]?.older = newest
    if newest >= 0 { entries[newest]?.newer = slot }
    newest = slot
    if oldest < 0 { oldest = slot }
  }

  /// When the least recently used strong entry was used; nil where none is strong.
  var oldestStamp: UInt64? { oldest >= 0 ? entries[oldest]?.stamp : nil }

  /// Makes the least recently used strong entry weak.
  /// - Returns: its value, to be released after the lock, and its bytes.
  mutating func evictOldest() -> (value: Value, byteCount: Int)? {
    guard oldest >= 0 else { return nil }
    let slot = oldest
    guard let value = entries[slot]?.strong, let byteCount = entries[slot]?.byteCount else { return nil }
    unlink(slot)
    statistics.evictions += 1
    return (value, byteCount)
  }

  /// Takes an entry off the list of strong ones.
  private mutating func unlink(_ slot: Int, keeping: Bool = false) {
    guard let entry = entries[slot] else { return }
    if !keeping { entries[slot]?.strong = nil }
    guard newest == slot || entry.newer >= 0 else { return }
    if entry.newer >= 0 { entries[entry.newer]?.older = entry.older } else { newest = entry.older }
    if entry.older >= 0 { entries[entry.older]?.newer = entry.newer } else { oldest = entry.newer }
    entries[slot]?.newer = -1
    entries[slot]?.older = -1
  }
}

/// What a cache knows of a value that died.
struct CacheDeath: Sendable {
  let hash: Int
  let serial: UInt64
}

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

  static func += (a: inout CacheStatistics, b: CacheStatistics) {
    a.hits += b.hits
    a.misses += b.misses
    a.loads += b.loads
    a.evictions += b.evictions
    a.dead += b.dead
  }
}
