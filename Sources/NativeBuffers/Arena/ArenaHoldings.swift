// SPDX-License-Identifier: Apache-2.0

/// What this library keeps in an arena, by its own count. Under the arena's lock.
struct ArenaHoldings {
  /// Blocks that were set aside and not given back.
  var blocks = 0
  /// Ledger entries that name the arena.
  var entries = 0
  /// Size classes that blocks were ever set aside in.
  var classes = SizeClassSet()

  var isEmpty: Bool { blocks == 0 && entries == 0 }
}

/// Some of the size classes.
struct SizeClassSet {
  private var words = InlineArray<4, UInt64>(repeating: 0)

  mutating func insert(_ sizeClass: Int) { words[sizeClass >> 6] |= 1 << UInt64(sizeClass & 63) }
  func contains(_ sizeClass: Int) -> Bool { words[sizeClass >> 6] >> UInt64(sizeClass & 63) & 1 == 1 }
}
