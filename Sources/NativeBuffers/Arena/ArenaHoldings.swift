// SPDX-License-Identifier: Apache-2.0

/// What this library keeps in an arena, by its own count. Guarded by the arena's lock.
struct ArenaHoldings {
  /// Blocks that were set aside and not given back.
  var blocks = 0
  /// Ledger entries that name the arena.
  var entries = 0
  /// The size classes of all blocks that were ever set aside.
  var classes = SizeClassSet()

  var isEmpty: Bool { blocks == 0 && entries == 0 }
}

/// A set of size classes.
struct SizeClassSet {
  private var words = InlineArray<4, UInt64>(repeating: 0)

  mutating func insert(_ sizeClass: Int) { words[sizeClass >> 6] |= 1 << UInt64(sizeClass & 63) }
  func contains(_ sizeClass: Int) -> Bool { words[sizeClass >> 6] >> UInt64(sizeClass & 63) & 1 == 1 }
}
