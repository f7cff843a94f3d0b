// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A cache's entries by their keys: a hash table with open addressing. When it grows, every insertion moves a few
/// entries, so that no insertion takes long. A removed entry leaves a gap that lookups step over, until the table is
/// moved.
// SAFETY: a slot retains its entry.
@usableFromInline
@safe struct CacheTable<Key: Hashable & Sendable, Value: AnyObject & Sendable>: ~Copyable {
  @usableFromInline typealias Entry = CacheEntry<Key, Value>

  @usableFromInline
  @safe struct Slot {
    @usableFromInline var hash: Int
    /// Nil in a slot that was never used, and in a gap.
    @usableFromInline var entry: Unmanaged<Entry>?
    var isGap: Bool { unsafe entry == nil && hash == Self.gap }
    @inlinable static var gap: Int { 1 }
    /// Whether the slot was never used: calloc returns such slots.
    @inlinable
    var isEmpty: Bool { unsafe entry == nil && hash == 0 }
  }

  /// An array of slots, whose number is a power of two.
  @usableFromInline
  @safe struct Slots {
    @usableFromInline let base: UnsafeMutablePointer<Slot>
    @usableFromInline let mask: Int
    var capacity: Int { mask + 1 }

    /// The memory is zero pages that are not touched yet, so that many slots take no longer than few.
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
  /// The slots from before the table grew. Slots from `movedCount` on still have their entries.
  @usableFromInline private(set) var old: Slots?
  private var movedCount = 0
  /// Slots of `slots` that are or were used.
  private var usedCount = 0
  private(set) var count = 0

  /// A hash of 0 or 1 would look like a slot without an entry.
  @inlinable
  static func hash(_ key: Key) -> Int { key.hashValue | 2 }

  /// The entry of a key, which is not retained for the caller.
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

  /// Adds an entry whose key is not in the table.
  /// - Returns: slots that the caller deallocates after the write section.
  mutating func insert(_ entry: Entry) -> Slots? {
    let done = move()
    if old == nil, usedCount >= slots.capacity / 4 * 3 {
      old = slots
      movedCount = 0
      usedCount = 0
      // The table gets no larger if fewer than half of its slots have entries: the rest were gaps.
      slots = Slots(capacity: count * 2 >= slots.capacity ? slots.capacity * 2 : slots.capacity)
    }
    if unsafe slots.insert(Unmanaged.passRetained(entry), hash: entry.hash) { usedCount += 1 }
    count += 1
    return done
  }

  /// Moves the entries of up to 128 old slots to the new slots.
  /// - Returns: the old slots, if all their entries have been moved.
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
  /// - Returns: the entry, which the caller releases after the write section; nil if it is not in the table.
  mutating func remove(_ entry: Entry) -> Entry? {
    for slots in [slots, old] {
      guard let slots, let index = slots.index(where: { $0 === entry }, hash: entry.hash) else { continue }
      unsafe slots.base[index] = Slot(hash: Slot.gap, entry: nil)
      count -= 1
      // SAFETY: this takes over the slot's reference.
      return unsafe Unmanaged.passUnretained(entry).takeRetainedValue()
    }
    return nil
  }

  /// Deallocates the slots of an empty table.
  mutating func deallocate() { slots.deallocate() }

  /// Empties the table.
  /// - Returns: its entries and slots, which the caller releases and deallocates after the write section.
  mutating func removeAll() -> (entries: [Entry], slots: [Slots]) {
    let dropped = [slots, old].compactMap { $0 }
    var entries: [Entry] = []
    for slots in dropped {
      for index in 0..<slots.capacity {
        // SAFETY: this takes over the slot's reference.
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
