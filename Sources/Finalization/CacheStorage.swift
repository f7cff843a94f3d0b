import Synchronization

/// A cache without its registry, which refers to this.
final class CacheStorage<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable, MemoryRelieving {
  typealias Shard = CacheShard<Key, Value>

  private final class LockedShard: Sendable {
    let state = Mutex(Shard())
  }

  private let shards: [LockedShard]
  private let strongByteLimit: Int
  private let byteCount: @Sendable (Value) -> Int
  let strongByteCount = Atomic<Int>(0)
  private let lastSerial = Atomic<UInt64>(0)

  private static var shardCount: Int { 16 }

  init(strongByteLimit: Int, byteCount: @escaping @Sendable (Value) -> Int) {
    shards = (0..<Self.shardCount).map { _ in LockedShard() }
    self.strongByteLimit = strongByteLimit
    self.byteCount = byteCount
  }

  deinit { MemoryRelief.remove(self) }

  /// The table inside a shard uses the low bits.
  private func shard(of hash: Int) -> LockedShard {
    shards[Int(truncatingIfNeeded: UInt(bitPattern: hash) >> 60) & (Self.shardCount - 1)]
  }

  // MARK: Asking

  enum Beginning {
    case found(Value)
    case join(CacheLoad<Value>)
    case lead(CacheLoad<Value>, serial: UInt64)
  }

  func hit(_ key: Key, hash: Int, countingMiss: Bool) -> Value? {
    let isTiered = strongByteLimit > 0
    let stamp = isTiered ? Self.clock : 0
    var admitted = 0
    let value = shard(of: hash).state.withLock { shard -> Value? in
      guard let slot = shard.find(key, hash: hash), let value = shard.value(at: slot) else {
        if countingMiss { shard.statistics.misses += 1 }
        return nil
      }
      shard.statistics.hits += 1
      if isTiered { admitted = admit(slot, of: &shard, value: value, stamp: stamp) }
      return value
    }
    if admitted > 0 { makeRoom(for: admitted) }
    return value
  }

  /// Finds the value, or the load to wait for, or makes the caller the one who loads.
  func begin(_ key: Key, hash: Int, thread: Int) -> Beginning {
    var removed: Shard.Entry?
    defer { removed?.registration?.cancel() }
    return shard(of: hash).state.withLock { shard in
      if let slot = shard.find(key, hash: hash) {
        if let value = shard.value(at: slot) {
          shard.statistics.hits += 1
          return .found(value)
        }
        if let load = shard[slot]?.load {
          shard.statistics.misses += 1
          return .join(load)
        }
        // Dead, and its cleanup not here yet.
        shard.statistics.dead += 1
        removed = shard.remove(slot)
      }
      shard.statistics.misses += 1
      shard.statistics.loads += 1
      let serial = lastSerial.add(1, ordering: .relaxed).newValue
      let load = CacheLoad<Value>(thread: thread)
      shard.insert(Shard.Entry(key: key, hash: hash, serial: serial, load: load))
      return .lead(load, serial: serial)
    }
  }

  /// Ends a load with a value.
  func keep(
    _ value: Value, hash: Int, serial: UInt64, registration: FinalizationRegistry<CacheDeath>.Registration
  ) {
    let weak = WeakReference(value)
    // At least 1, so that a tier of empty values has an end, too.
    let size = strongByteLimit > 0 ? max(1, byteCount(value)) : 0
    let stamp = Self.clock
    var admitted = 0
    let isKept = shard(of: hash).state.withLock { shard in
      guard let slot = shard.find(serial: serial, hash: hash) else { return false }
      shard.settle(slot, weak: weak, registration: registration, byteCount: size)
      if strongByteLimit > 0 { admitted = admit(slot, of: &shard, value: value, stamp: stamp) }
      return true
    }
    if !isKept { registration.cancel() }
    if admitted > 0 { makeRoom(for: admitted) }
  }

  /// Ends a load without one.
  func abandon(hash: Int, serial: UInt64) {
    _ = shard(of: hash).state.withLock { shard in
      shard.find(serial: serial, hash: hash).flatMap { shard.remove($0) }
    }
  }

  // MARK: Removing

  func removeDead(_ death: CacheDeath) {
    _ = shard(of: death.hash).state.withLock { shard -> Shard.Entry? in
      guard let slot = shard.find(serial: death.serial, hash: death.hash) else { return nil }
      shard.statistics.dead += 1
      return shard.remove(slot)
    }
  }

  func removeAll() {
    for shard in shards {
      let removed = shard.state.withLock { $0.removeAll() }
      for entry in removed {
        if entry.strong != nil { strongByteCount.subtract(entry.byteCount, ordering: .relaxed) }
        entry.registration?.cancel()
      }
    }
  }

  // MARK: The strong tier

  /// Nanoseconds: orders uses across shards without a counter that all threads would write.
  private static var clock: UInt64 { monotonicNanoseconds() }

  /// Makes an entry strong and most recently used.
  /// - Returns: bytes that this adds to the tier.
  private func admit(_ slot: Int, of shard: inout Shard, value: Value, stamp: UInt64) -> Int {
    guard let size = shard[slot]?.byteCount, size <= strongByteLimit else { return 0 }
    let isNew = !shard.isStrong(slot)
    shard.touch(slot, value: value, stamp: stamp)
    return isNew ? size : 0
  }

  private func makeRoom(for admitted: Int) {
    guard strongByteCount.add(admitted, ordering: .relaxed).newValue > strongByteLimit else { return }
    evict(keeping: strongByteLimit)
  }

  @discardableResult
  func evict(keeping limit: Int) -> Int {
    var freed = 0
    while strongByteCount.load(ordering: .relaxed) > limit {
      let oldest = shards.compactMap { shard in shard.state.withLock { $0.oldestStamp }.map { ($0, shard) } }
        .min { $0.0 < $1.0 }
      guard let shard = oldest?.1, let evicted = shard.state.withLock({ $0.evictOldest() }) else { break }
      strongByteCount.subtract(evicted.byteCount, ordering: .relaxed)
      freed += evicted.byteCount
    }
    return freed
  }

  // MARK: Counts

  var count: Int { shards.reduce(0) { sum, shard in sum + shard.state.withLock { $0.count } } }

  var statistics: CacheStatistics {
    shards.reduce(into: CacheStatistics()) { sum, shard in sum += shard.state.withLock { $0.statistics } }
  }
}
