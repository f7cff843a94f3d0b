// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Adds up the entries of a ledger by domain, use, bucket, line, keeper and age band.
///
/// The sums are in a hash table of our own, which takes about 48 bytes for each different key: less than the 64 bytes
/// that an entry takes in the file, so that no ledger makes its reader larger than twice the file. The hash has a
/// random key, so that no ledger can be made for which the table is slow.
package struct EntrySums {
  package struct Sum {
    package let key: Key
    package private(set) var byteCount: UInt64 = 0
    var capacity: UInt64 = 0
    /// A ledger has fewer than 2^32 entries.
    package private(set) var count: UInt32 = 0
    package private(set) var earliestBirth = EarliestBirth()

    init(key: Key) { self.key = key }

    @inline(__always)
    fileprivate mutating func add(count: UInt32, byteCount: UInt64, capacity: UInt64, birth: UInt32) {
      // Neither addend is more than an Int holds, and the sum stays at the most that an Int holds.
      self.byteCount = min(self.byteCount &+ byteCount, UInt64(Int.max))
      self.capacity = min(self.capacity &+ capacity, UInt64(Int.max))
      self.count &+= count
      earliestBirth.include(birth)
    }
  }

  /// What entries of one sum have in common, from the highest bits to the lowest in the order of the rows: domain (16
  /// bits), use (3), bucket (8), line (32), keeper (2), age band (3).
  package struct Key: Equatable, Comparable {
    let bits: UInt64

    @inline(__always)
    package init(domain: UInt16, use: ResourceUse, bucket: UInt8, site: UInt32, keeper: ResourceKeeper, ageBand: Int) {
      bits =
        UInt64(domain) << 48 | UInt64(use.rawValue) << 45 | UInt64(bucket) << 37 | UInt64(site) << 5
        | UInt64(keeper.rawValue) << 3 | UInt64(ageBand)
    }

    package var domain: UInt16 { UInt16(truncatingIfNeeded: bits >> 48) }
    var use: ResourceUse { ResourceUse(rawValue: Int(bits >> 45 & 7)) ?? .live }
    var bucket: Int { Int(bits >> 37 & 0xFF) }
    package var site: UInt32 { UInt32(truncatingIfNeeded: bits >> 5) }
    var keeper: ResourceKeeper { ResourceKeeper(rawValue: Int(bits >> 3 & 3)) ?? .none }
    var ageBand: Int { Int(bits & 7) }

    package static func < (a: Key, b: Key) -> Bool { a.bits < b.bits }
  }

  package init() {}

  /// There are at most so many age boundaries, so that a band has room in a key.
  static var largestBoundaryCount: Int { 7 }

  package private(set) var sums: [Sum] = []
  /// For each place of the hash table, the index of its sum plus one, or 0. Its size is a power of 2.
  private var places = [UInt32](repeating: 0, count: 1 << 10)
  private let seed = UInt64.random(in: 0...UInt64.max)
  private let factor = UInt64.random(in: 0...UInt64.max) | 1
  /// The index of the sum that the last entry was added to. Neighbours often have the same key.
  private var last = -1

  /// - Parameters:
  ///   - count: how many entries of this key are added.
  ///   - birth: the earliest second of birth of them; 0 if none is known.
  @inline(__always)
  package mutating func add(_ key: Key, count: UInt32 = 1, byteCount: UInt64, capacity: UInt64, birth: UInt32) {
    let index = last >= 0 && sums[last].key == key ? last : index(of: key)
    last = index
    sums[index].add(count: count, byteCount: byteCount, capacity: capacity, birth: birth)
  }

  private mutating func index(of key: Key) -> Int {
    var place = place(of: key)
    while places[place] != 0 {
      let index = Int(places[place]) - 1
      if sums[index].key == key { return index }
      place = (place + 1) & (places.count - 1)
    }
    sums.append(Sum(key: key))
    places[place] = UInt32(sums.count)
    if sums.count * 4 > places.count * 3 { enlarge() }
    return sums.count - 1
  }

  private func place(of key: Key) -> Int {
    let product = (key.bits ^ seed).multipliedFullWidth(by: factor)
    return Int(truncatingIfNeeded: product.high ^ product.low) & (places.count - 1)
  }

  private mutating func enlarge() {
    places = [UInt32](repeating: 0, count: places.count * 2)
    for (index, sum) in sums.enumerated() {
      var place = place(of: sum.key)
      while places[place] != 0 { place = (place + 1) & (places.count - 1) }
      places[place] = UInt32(index + 1)
    }
  }

  /// Ends the adding: the sums in the order of their keys, and no hash table any more.
  mutating func sorted() -> [Sum] {
    places = []
    last = -1
    sums.sort { $0.key < $1.key }
    return sums
  }
}
