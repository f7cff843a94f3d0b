// SPDX-License-Identifier: Apache-2.0

/// What a resource is used for.
package enum ResourceUse: Int, Codable, Sendable, CaseIterable, CustomStringConvertible {
  /// A handle owns it.
  case live = 0
  /// Its release was requested and has not ended: a pin delays it, or it is under way.
  case releasing = 1
  /// Its pointer was given away, and was not yet seen freed.
  case detached = 2
  /// Memory kept for reuse.
  case idle = 3
  /// Released, and held back on purpose.
  case quarantined = 4

  package var description: String {
    switch self {
    case .live: "live"
    case .releasing: "releasing"
    case .detached: "detached"
    case .idle: "idle"
    case .quarantined: "quarantined"
    }
  }

  /// Whether the program has not released it: ``live``, ``releasing`` or ``detached``.
  package var isHeld: Bool { rawValue <= Self.detached.rawValue }
}

/// What keeps a live resource on purpose, so that it is not called a leak.
package enum ResourceKeeper: Int, Codable, Sendable {
  case none = 0
  /// A cache holds it.
  case cache = 1
  /// It is meant to live as long as the process.
  case process = 2
}

/// Resources of one line, domain, bucket, use, keeper and age band.
package struct SnapshotSum: Sendable, Equatable {
  /// The position of its line in ``LedgerSnapshot/sites``. Idle memory has the unknown line.
  package var site: Int
  /// The position of its domain in ``LedgerSnapshot/domains``.
  package var domain: Int
  /// An arena: the number of the size class. Otherwise what the domain sorts by.
  package var bucket: Int
  package var use: ResourceUse
  package var keeper: ResourceKeeper
  /// The second of the ledger's clock in which the oldest of them was created; 0 if that is not known, for idle memory,
  /// and for a snapshot of an earlier version of this program.
  package var oldestBirth: UInt32 = 0
  /// How many of ``LedgerSnapshot/ageBoundaries`` the ages have reached. 0 for idle memory.
  package var ageBand: Int
  package var count: Int
  /// Bytes asked for, at most `Int.max`; 0 for idle memory.
  package var byteCount: Int
  /// Bytes that the domain set aside, at most `Int.max`.
  package var capacity: Int
}

/// One live resource.
package struct SnapshotEntry: Sendable, Equatable {
  /// Its number in the ledger.
  package var index: Int
  /// The position of its line in ``LedgerSnapshot/sites``.
  package var site: Int
  /// The position of its domain in ``LedgerSnapshot/domains``.
  package var domain: Int
  package var bucket: Int
  package var use: ResourceUse
  package var keeper: ResourceKeeper
  /// Bytes asked for, and bytes that the domain set aside.
  package var byteCount: Int
  package var capacity: Int
  /// Seconds since its life began. The life may be younger, by at most ``LedgerClock/longestGap``.
  package var age: Int
  /// The number of the scope in which it was created; 0 for none.
  package var scope: UInt32
  /// The address of its memory; 0 if it is no memory.
  package var address: UInt
  package var pinCount: Int
}

// Rows are coded as plain arrays of numbers: a snapshot has thousands of them, and names would be most of the file.

extension SnapshotSum: Codable {
  package init(from decoder: any Decoder) throws {
    var values = try decoder.unkeyedContainer()
    site = try values.decode(Int.self)
    domain = try values.decode(Int.self)
    bucket = try values.decode(Int.self)
    use = try values.decode(ResourceUse.self)
    keeper = try values.decode(ResourceKeeper.self)
    ageBand = try values.decode(Int.self)
    count = try values.decode(Int.self)
    byteCount = try values.decode(Int.self)
    capacity = try values.decode(Int.self)
    // Snapshots of the same version were written without it, and a reader of that time takes only the numbers before.
    if !values.isAtEnd { oldestBirth = try values.decode(UInt32.self) }
  }

  package func encode(to encoder: any Encoder) throws {
    var values = encoder.unkeyedContainer()
    for number in [
      site, domain, bucket, use.rawValue, keeper.rawValue, ageBand, count, byteCount, capacity, Int(oldestBirth),
    ] {
      try values.encode(number)
    }
  }
}

extension SnapshotEntry: Codable {
  package init(from decoder: any Decoder) throws {
    var values = try decoder.unkeyedContainer()
    index = try values.decode(Int.self)
    site = try values.decode(Int.self)
    domain = try values.decode(Int.self)
    bucket = try values.decode(Int.self)
    use = try values.decode(ResourceUse.self)
    keeper = try values.decode(ResourceKeeper.self)
    byteCount = try values.decode(Int.self)
    capacity = try values.decode(Int.self)
    age = try values.decode(Int.self)
    scope = try values.decode(UInt32.self)
    address = try values.decode(UInt.self)
    pinCount = try values.decode(Int.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var values = encoder.unkeyedContainer()
    for number in [
      index, site, domain, bucket, use.rawValue, keeper.rawValue, byteCount, capacity, age, Int(scope),
    ] {
      try values.encode(number)
    }
    try values.encode(address)
    try values.encode(pinCount)
  }
}
