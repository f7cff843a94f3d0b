// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What jemalloc says about one arena: the second book.
public struct ArenaCounts: Sendable, Equatable {
  /// Live allocations per size class, by the class's number (see ``SizeClass``).
  public var liveCounts: [Int]
  /// Bytes jemalloc counts as allocated, from its own totals, not from `liveCounts`.
  public var byteCount: Int
  /// Bytes of pages in use by allocations.
  public var active: Int
  /// Bytes of unused pages that are resident and may be purged.
  public var dirty: Int
  /// Bytes of unused pages that the kernel may take when it likes.
  public var muzzy: Int
  /// Bytes of address space kept without memory behind it.
  public var retained: Int
  /// Bytes of jemalloc's own structures for this arena.
  public var metadata: Int
  /// Bytes resident, as jemalloc estimates them.
  public var resident: Int

  /// Live allocations.
  public var count: Int { .clampedSum(liveCounts) }
}

/// jemalloc's totals for the whole process, in bytes.
public struct ProcessCounts: Sendable, Equatable {
  /// Allocated by everything in the process that uses this jemalloc, our arenas included.
  public var allocated: Int
  public var active: Int
  public var metadata: Int
  public var resident: Int
  public var mapped: Int
  public var retained: Int
}
