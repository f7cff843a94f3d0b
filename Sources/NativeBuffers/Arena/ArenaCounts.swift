// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What jemalloc says about one arena: the second book.
public struct ArenaCounts: Sendable, Equatable {
  /// Live allocations per size class, by the class's number: see ``SizeClass``.
  package var liveCounts: [Int]
  /// Bytes that jemalloc counts as allocated, from its own totals and not from `liveCounts`.
  public var byteCount: Int
  /// Bytes of pages in use by allocations.
  public var active: Int
  /// Bytes of unused pages that jemalloc has not given back yet. Only those that were touched are resident.
  public var dirty: Int
  /// Bytes of unused pages that the kernel may take at any time.
  public var muzzy: Int
  /// Bytes of address space that are kept without memory behind them.
  public var retained: Int
  /// Bytes of jemalloc's own structures for this arena.
  public var metadata: Int
  /// Bytes that are resident at most: jemalloc cannot see which pages were touched, so it counts all active and dirty
  /// ones.
  public var resident: Int

  /// Live allocations.
  public var count: Int { .clampedSum(liveCounts) }
}

/// jemalloc's totals for the whole process, in bytes.
package struct ProcessCounts: Sendable, Equatable {
  /// Allocated by all code in the process that uses this jemalloc, our arenas included.
  package var allocated: Int
  package var active: Int
  package var metadata: Int
  package var resident: Int
  package var mapped: Int
  package var retained: Int
}
