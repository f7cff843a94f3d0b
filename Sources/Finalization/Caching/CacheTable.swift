import Glibc

/// A cache's entries by their keys: a hash table with open addressing that grows a little at every insertion
/// and never all at once. Removed entries leave gaps that lookups step over, until the table is moved.
// SAFETY: a slot's entry is retained by the slot.
@usableFromInline
@safe struct CacheTable<Key: Hashable & Sendable, Value: AnyObject & Sendable>: ~Copyable {
  @usableFromInline typealias Entry = CacheEntry<Key, Value>

  @usableFromInline
  @safe struct Slot {
    @usableFromInline var hash: Int
    /// Nil in a slot never used, and in a gap.
    @usableFromInline var entry: Unmanaged<Entry>?
    var isGap: Bool { unsafe entry == nil && hash == Self.gap }
    @inlinable static var gap: Int { 1 }
    /// Never used: what calloc returns.
    @inlinable
    var isEmpty: Bool { unsafe entry == nil && hash == 0 }
  }

  /// An array of slots, a power of two.
  @usableFromInline
  @safe struct Slots {
    @usableFromInline let base: UnsafeMutablePointer<Slot>
    @usableFromInline let mask: Int
    var capacity: Int { mask + 1 }

    /// Untouched zero pages, however many.
    init(capacity: Int) {
      guard let memory = unsafe calloc(capacity, MemoryLayout<Slot>.stride) else {
        fatalError("Finalization: no memory for \(capacity) slots of a cache")
      }
      unsafe base = memory.bindMemory(to: Slot.self, capacity: capacity)
      mask = capacity - 1
    }

    func deallocate() { unsafe free(base) }

    @inlinable
    @inline(__always)
    func find(_ key: Key, hash: Int) -> Unmanaged<Entry>? {
      var index = hash & mask
      while true {
        if unsafe base[index].hash == hash, let entry = unsafe base[index].entry,
          unsafe entry._withUnsafeGuaranteedRef({ $0.key == key })
        {
          return unsafe entry
        }
        if unsafe base[index].isEmpty { return nil }
        index = (index &+ 1) & mask
      }
    }

    func index(where isWanted: (Entry) -> Bool, hash: Int) -> Int? {
      var index = hash & mask
      while unsafe !base[index].isEmpty {
        if unsafe base[index].hash == hash, let entry = unsafe base[index].entry,
          unsafe entry._withUnsafeGuaranteedRef(isWanted)
        {
          return index
        }
        index = (index + 1) & mask
      }
      return nil
    }

    /// - Returns: whether a slot was used for the first time.
    func insert(_ entry: Unmanaged<Entry>, hash: Int) -> Bool {
      var index = hash & mask
      while unsafe base[index].entry != nil { index = (index + 1) & mask }
      let isFresh = unsafe base[index].isEmpty
      unsafe base[index] = Slot(hash: hash, entry: entry)
      return isFresh
    }
  }

  @usableFromInline private(set) var slots = Slots(capacity: 16)
  /// What the table grew out of; its entries from `movedCount` on are still there.
  @usableFromInline private(set) var old: Slots?
  private var movedCount = 0
  /// Slots of `slots` that are or were used.
  private var usedCount = 0
  private(set) var count = 0

  /// A hash of 0 or 1 would look like a slot without an entry.
  @inlinable
  static func hash(_ key: Key) -> Int { key.hashValue | 2 }

  /// The entry of a key, not retained.
  @inlinable
  @inline(__always)
  func find(_ key: Key, hash: Int) -> Unmanaged<Entry>? {
    if let entry = unsafe slots.find(key, hash: hash) { return unsafe entry }
    guard let old else { return nil }
    return unsafe old.find(key, hash: hash)
  }

  /// The entry that a load or a registration was made for.
  func find(serial: UInt64, hash: Int) -> Entry? {
    for slots in [slots, old] {
      guard let slots, let index = slots.index(where: { $0.serial == serial }, hash: hash) else { continue }
      return unsafe slots.base[index].entry?.takeUnretainedValue()
    }
    return nil
  }

  /// Adds an entry whose key is not there.
  /// - Returns: memory to be deallocated after the write section.
  mutating func insert(_ entry: Entry) -> Slots? {
    let done = move()
    if old == nil, usedCount >= slots.capacity / 4 * 3 {
      old = slots
      movedCount = 0
      usedCount = 0
      // Where most of it was gaps, no larger than it was.
      slots = Slots(capacity: count * 2 >= slots.capacity ? slots.capacity * 2 : slots.capacity)
    }
    if unsafe slots.insert(Unmanaged.passRetained(entry), hash: entry.hash) { usedCount += 1 }
    count += 1
    return done
  }

  /// Moves up to 128 slots' entries to where the table grew.
  /// - Returns: the old slots, where that was the last of them.
  private mutating func move() -> Slots? {
    guard let old else { return nil }
    let end = min(movedCount + 128, old.capacity)
    for index in movedCount..<end {
      guard let entry = unsafe old.base[index].entry else { continue }
      if unsafe slots.insert(entry, hash: old.base[index].hash) { usedCount += 1 }
      unsafe old.base[index] = Slot(hash: Slot.gap, entry: nil)
    }
    movedCount = end
    guard end == old.capacity else { return nil }
    self.old = nil
    return old
  }

  /// Takes an entry out.
  /// - Returns: the entry, to be released after the write section; nil where it is not there.
  mutating func remove(_ entry: Entry) -> Entry? {
    for slots in [slots, old] {
      guard let slots, let index = slots.index(where: { $0 === entry }, hash: entry.hash) else { continue }
      unsafe slots.base[index] = Slot(hash: Slot.gap, entry: nil)
      count -= 1
      // SAFETY: the slot's share.
      return unsafe Unmanaged.passUnretained(entry).takeRetainedValue()
    }
    return nil
  }

  /// The end of an empty table.
  mutating func deallocate() { slots.deallocate() }

  /// Empties the table.
  /// - Returns: its entries, and memory to be deallocated after the write section.
  mutating func removeAll() -> (entries: [Entry], slots: [Slots]) {
    let dropped = [slots, old].compactMap { $0 }
    var entries: [Entry] = []
    for slots in dropped {
      for index in 0..<slots.capacity {
        // SAFETY: the slot's share.
        if let entry = unsafe slots.base[index].entry { unsafe entries.append(entry.takeRetainedValue()) }
      }
    }
    slots = Slots(capacity: 16)
    old = nil
    movedCount = 0
    usedCount = 0
    count = 0
    return (entries, dropped)
  }
}
