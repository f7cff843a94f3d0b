// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
import NativeSynchronization
import ResourceLedger
import Synchronization

/// A cache without its registry. It is an object of its own, because the registry's cleanup refers to it.
///
/// A thread that asks for a value that is there reads the table under the lock of its own thread slot, which it seldom
/// shares. All changes of the table happen in a *write section*, under the locks of all slots. It takes a few
/// microseconds; a load takes much longer. In a write section no value is released, and no code of a client runs except
/// the keys' `==`. A thread that made a value strong or weak tells the value so afterwards (``tell(_:of:)``).
// SAFETY: its variables change in write sections; a reader's `hits` changes under its slot's lock.
@usableFromInline
final class CacheStorage<Key: Hashable & Sendable, Value: AnyObject & Sendable>: @unchecked Sendable {
  @usableFromInline typealias Entry = CacheEntry<Key, Value>

  private static var largestByteCount: Int { 1 << 61 }

  /// The counts of one thread slot. Guarded by the lock of the slot.
  @usableFromInline struct Reader: ~Copyable {
    @usableFromInline var hits = 0
  }

  @usableFromInline let readers: PerThread<Reader>
  @exclusivity(unchecked) @usableFromInline var table = CacheTable<Key, Value>()
  private var tier = StrongTier<Key, Value>()
  private var counts = CacheStatistics()
  private var lastSerial: UInt64 = 0
  /// Bytes that the strong tier may hold; 0 for no strong tier.
  @usableFromInline let strongByteLimit: Int
  private let byteCount: @Sendable (Value) -> Int

  init(strongByteLimit: Int, byteCount: @escaping @Sendable (Value) -> Int) {
    readers = PerThread(.cache) { Reader() }
    self.strongByteLimit = min(strongByteLimit, Self.largestByteCount)
    self.byteCount = byteCount
  }

  deinit {
    for slots in unsafe table.removeAll().slots { slots.deallocate() }
    unsafe table.deallocate()
    readers.deallocate()
  }

  private func write<R>(_ body: () -> R) -> R {
    readers.lockAll()
    defer { readers.unlockAll() }
    return body()
  }

  // MARK: Asking

  @usableFromInline
  enum Beginning {
    case found(Value)
    case join(CacheLoad<Value>)
    case lead(CacheLoad<Value>, serial: UInt64)
  }

  /// The value of a key; nil if it is not there or not alive.
  @inlinable
  @inline(__always)
  func hit(_ key: Key, hash: Int) -> Value? {
    let slot = ThreadStorage.slot
    let reader = unsafe readers.lock(slot)
    var isOutOfTier = false
    // A plain pointer with one strong reference, so that returning the value counts no other.
    var retained: UnsafeMutableRawPointer?
    if let entry = unsafe table.find(key, hash: hash) {
      unsafe entry._withUnsafeGuaranteedRef { entry in
        unsafe retained = entry.retainedValue()
        guard unsafe retained != nil else { return }
        unsafe reader.pointee.value.hits &+= 1
        if strongByteLimit > 0 {
          entry.stamp.store(cnativeruntime_ticks(), ordering: .relaxed)
          unsafe isOutOfTier = !entry.isStrong && entry.byteCount <= strongByteLimit
        }
      }
    }
    unsafe readers.unlock(slot, reader)
    guard let retained = unsafe retained else { return nil }
    let value = unsafe Unmanaged<Value>.fromOpaque(retained)
    if isOutOfTier { unsafe admit(value.takeUnretainedValue(), key: key, hash: hash) }
    return unsafe value.takeRetainedValue()
  }

  /// The same as ``hit(_:hash:)``, for a caller that does not load: it also counts a miss.
  func ask(_ key: Key, hash: Int) -> Value? {
    if let value = hit(key, hash: hash) { return value }
    write { counts.misses += 1 }
    return nil
  }

  /// Finds the value or the load to wait for. If there is neither, the caller must load.
  @usableFromInline
  func begin(_ key: Key, hash: Int) -> Beginning {
    let load = CacheLoad<Value>()
    var dead: Entry?
    var done: CacheTable<Key, Value>.Slots?
    let beginning = write { () -> Beginning in
      if let entry = unsafe table.find(key, hash: hash)?.takeUnretainedValue() {
        if let value = entry.value {
          counts.hits += 1
          return .found(value)
        }
        if let other = entry.load, !other.isParents {
          counts.misses += 1
          return .join(other)
        }
        // The value died and its cleanup has not run yet; or this is a forked child, and the load is its parent's.
        if entry.load == nil { counts.dead += 1 }
        dead = unsafe table.remove(entry)
      }
      counts.misses += 1
      counts.loads += 1
      lastSerial += 1
      done = unsafe table.insert(Entry(key: key, hash: hash, serial: lastSerial, load: load))
      return .lead(load, serial: lastSerial)
    }
    done?.deallocate()
    dead?.registration?.cancel()
    return beginning
  }

  /// Ends a load with a value.
  func keep(
    _ value: Value, hash: Int, serial: UInt64, registration: FinalizationRegistry<CacheDeath>.Registration
  ) {
    // At least 1, so that the tier holds a limited number of empty values; and limited, so that no sum overflows.
    let size = strongByteLimit > 0 ? min(max(1, byteCount(value)), Self.largestByteCount) : 0
    guard let watch = WatchTable.shared.watchForCache(value) else {
      registration.cancel()
      return abandon(hash: hash, serial: serial)
    }
    var isFull = false
    var admitted: Entry?
    let isKept = write {
      guard let entry = unsafe table.find(serial: serial, hash: hash) else { return false }
      entry.finishLoad(watch, registration: registration, byteCount: size)
      if strongByteLimit > 0, size <= strongByteLimit {
        tier.admit(entry, value: value, stamp: cnativeruntime_ticks())
        admitted = entry
      }
      isFull = tier.byteCount > strongByteLimit
      return true
    }
    if !isKept { registration.cancel() }
    if let admitted { tell(value, of: admitted) }
    if isFull { evict(keeping: strongByteLimit) }
  }

  /// Ends a load without a value.
  func abandon(hash: Int, serial: UInt64) { _ = remove(hash: hash, serial: serial, isDead: false) }

  // MARK: Removing

  func removeDead(_ death: CacheDeath) { _ = remove(hash: death.hash, serial: death.serial, isDead: true) }

  /// - Returns: the entry, which the caller releases, outside the write section.
  private func remove(hash: Int, serial: UInt64, isDead: Bool) -> Entry? {
    write {
      guard let entry = unsafe table.find(serial: serial, hash: hash) else { return nil }
      if isDead { counts.dead += 1 }
      return unsafe table.remove(entry)
    }
  }

  @usableFromInline
  func removeAll() {
    let (entries, slots, values) = write {
      let (entries, slots) = unsafe table.removeAll()
      let values = entries.map(\.strong)
      for entry in entries { entry.strong = nil }
      tier.removeAll()
      return (entries, slots, values)
    }
    for slots in slots { slots.deallocate() }
    for entry in entries { entry.registration?.cancel() }
    for (entry, value) in zip(entries, values) {
      if let value { tell(value, of: entry) }
    }
  }

  // MARK: The strong tier

  /// Makes a value strong again, if it is asked for after the strong tier stopped holding it.
  @usableFromInline
  func admit(_ value: Value, key: Key, hash: Int) {
    // It may be the value of a later load, and this its last reference: it is released after the write section.
    var known: Value?
    defer { withExtendedLifetime(known) {} }
    var admitted: Entry?
    let isFull = write {
      guard let entry = unsafe table.find(key, hash: hash)?.takeUnretainedValue(), unsafe !entry.isStrong else {
        return false
      }
      known = entry.value
      guard known === value else { return false }
      tier.admit(entry, value: value, stamp: cnativeruntime_ticks())
      admitted = entry
      return tier.byteCount > strongByteLimit
    }
    if let admitted { tell(value, of: admitted) }
    if isFull { evict(keeping: strongByteLimit) }
  }

  /// Makes values weak, the least recently used first, until the strong ones have `limit` bytes or less.
  /// - Returns: the bytes of the values that it made weak.
  @discardableResult
  func evict(keeping limit: Int) -> Int {
    var evicted: [(value: Value, entry: Entry)] = []
    let freed = write {
      var freed = 0
      while tier.byteCount > limit, let (value, entry) = tier.evictOldest() {
        evicted.append((value, entry))
        counts.evictions += 1
        unsafe freed += entry.byteCount
      }
      return freed
    }
    for (value, entry) in evicted { tell(value, of: entry) }
    return freed
  }

  /// Tells a value whether the strong tier holds it, if the value is a ``CacheableResource``. Each thread that changed
  /// this calls it afterwards, outside of write sections. Several threads may do so at once: a thread whose word is not
  /// true any more when it has given it looks and tells again, so the last word is true.
  private func tell(_ value: Value, of entry: Entry) {
    guard let resource = value as? any CacheableResource else { return }
    var isHeld = isStrong(entry)
    while true {
      resource.setHeldByCache(isHeld)
      let isHeldNow = isStrong(entry)
      if isHeldNow == isHeld { return }
      isHeld = isHeldNow
    }
  }

  private func isStrong(_ entry: Entry) -> Bool {
    let slot = ThreadStorage.slot
    let reader = unsafe readers.lock(slot)
    defer { unsafe readers.unlock(slot, reader) }
    return unsafe entry.isStrong
  }

  // MARK: Counts

  var count: Int { write { unsafe table.count } }
  var strongByteCount: Int { write { tier.byteCount } }

  var statistics: CacheStatistics {
    write {
      var statistics = counts
      readers.forEach { statistics.hits += $0.hits }
      return statistics
    }
  }
}
