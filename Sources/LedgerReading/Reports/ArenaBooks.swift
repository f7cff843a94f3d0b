// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// The two books of an arena.
public struct ArenaBooks: Codable, Sendable {
  public let name: String
  /// jemalloc's number of the arena.
  public let index: Int
  /// Live allocations as jemalloc counts them, and their bytes by its own totals.
  public let allocatorCount: Int
  public let allocatorByteCount: Int
  /// Blocks as the ledger counts them.
  public let live: BookTotals
  public let idle: BookTotals
  public let quarantined: BookTotals
  /// Blocks that `unsafeDetach()` gave away, and that were not yet seen freed.
  public let detached: BookTotals
  /// Blocks that one book has and the other does not, added up over the size classes, so that orphans and ghosts do not
  /// cancel out. 0 if the books agree.
  public let difference: Int
  /// The bytes of those blocks, as size classes.
  public let differenceByteCount: Int
  /// Size classes with a block in either book, smallest first.
  public let sizeClasses: [SizeClassBooks]
  public let retention: Retention
  /// Buffers of this arena since it was created.
  public let buffers: BufferTotals
}

/// One size class in both books.
public struct SizeClassBooks: Codable, Sendable, Equatable {
  /// Bytes of one block.
  public let sizeClass: Int
  public let allocatorCount: Int
  public let liveCount: Int
  public let idleCount: Int
  public let quarantinedCount: Int
  public let detachedCount: Int

  /// The allocator's blocks less the ledger's blocks.
  public var difference: Int {
    // A report may come from a file, and no number in it may cause a trap.
    let ledger = Int128(liveCount) + Int128(idleCount) + Int128(quarantinedCount) + Int128(detachedCount)
    return Int(clamping: Int128(allocatorCount) - ledger)
  }
}

/// Memory that is kept on purpose and is no leak, in bytes.
public struct Retention: Codable, Sendable, Equatable {
  /// Idle blocks of the block cache.
  public let idle: Int
  /// Unused pages that jemalloc has not given back yet. Only those that were touched are resident: a block that was
  /// never written to leaves pages here that take no memory.
  public let dirty: Int
  /// Pages that the kernel may take.
  public let muzzy: Int
  /// Address space without memory behind it.
  public let retained: Int
  /// The bytes of the size classes of live buffers, less the bytes that these buffers asked for.
  public let rounding: Int
}

/// Counts the buffers of an arena, by how they ended.
public struct BufferTotals: Codable, Sendable, Equatable {
  public let created: Int
  /// Released by `dispose()`.
  public let disposed: Int
  /// Released by deinit.
  public let rescued: Int
  public let live: Int
  /// Given away by `unsafeDetach()`, and not yet seen freed.
  public let detached: Int
}

/// What an allocator counts of one arena, without the ledger.
package struct AllocatorCounts: Sendable, Equatable {
  /// Live allocations, by the number of their size class: see ``SizeClass``.
  package var liveCounts: [Int]
  /// Bytes of these allocations, by the allocator's own totals.
  package var byteCount: Int
  /// Bytes of pages, see ``Retention``.
  package var dirty: Int
  package var muzzy: Int
  package var retained: Int

  package init(liveCounts: [Int], byteCount: Int, dirty: Int, muzzy: Int, retained: Int) {
    self.liveCounts = liveCounts
    self.byteCount = byteCount
    self.dirty = dirty
    self.muzzy = muzzy
    self.retained = retained
  }
}

extension ArenaBooks {
  /// - Parameters:
  ///   - counts: what the allocator counts.
  ///   - totals: what the ledger has, by size class, read while the arena's lock was held like the counts.
  ///   - pastLives: the lives that ended, of entries that the arena has given back.
  ///   - rescued: the number of this arena's buffers that a deinit released.
  package init(
    name: String, index: Int, counts: AllocatorCounts, totals: BucketTotals, pastLives: Int, rescued: Int
  ) {
    var sum = EntryTotals()
    for bucket in totals.sums { sum += bucket }
    self.name = name
    self.index = index
    allocatorCount = .clampedSum(counts.liveCounts)
    allocatorByteCount = counts.byteCount
    live = BookTotals(count: sum.liveCount, byteCount: Int(clamping: sum.liveCapacity))
    idle = BookTotals(count: sum.idleCount, byteCount: Int(clamping: sum.idleCapacity))
    quarantined = BookTotals(count: sum.quarantinedCount, byteCount: Int(clamping: sum.quarantinedCapacity))
    detached = BookTotals(count: sum.detachedCount, byteCount: Int(clamping: sum.detachedCapacity))
    sizeClasses = totals.buckets(with: counts.liveCounts).compactMap { bucket in
      let totals = totals[bucket]
      guard counts.liveCounts[bucket] != 0 || totals.count != 0 else { return nil }
      return SizeClassBooks(
        sizeClass: SizeClass.byteCount(at: bucket), allocatorCount: counts.liveCounts[bucket],
        liveCount: totals.liveCount, idleCount: totals.idleCount, quarantinedCount: totals.quarantinedCount,
        detachedCount: totals.detachedCount)
    }
    difference = .clampedSum(sizeClasses.map { Int(clamping: $0.difference.magnitude) })
    differenceByteCount = Int(
      clamping: sizeClasses.reduce(Int128(0)) { $0 + Int128($1.difference.magnitude) * Int128($1.sizeClass) })
    retention = Retention(
      idle: Int(clamping: sum.idleCapacity), dirty: counts.dirty, muzzy: counts.muzzy, retained: counts.retained,
      rounding: Int(clamping: sum.liveCapacity - sum.liveByteCount))
    let ended = sum.endedLives + pastLives
    buffers = BufferTotals(
      created: ended + sum.liveCount + sum.detachedCount, disposed: max(0, ended - rescued), rescued: rescued,
      live: sum.liveCount, detached: sum.detachedCount)
  }

  /// The findings about this arena: none if the books agree. What the allocator has beyond the ledger is an orphan;
  /// what the ledger has beyond the allocator is a ghost.
  /// - Parameter sites: the lines that created the ledger's blocks of a size class. It is asked only for classes of
  ///   which the allocator has no block, because otherwise the books do not say which of the blocks are gone.
  package func findings(sites: (SizeClassBooks) -> [SiteTotals]) -> [Finding] {
    sizeClasses.compactMap { books in
      let difference = books.difference
      guard difference != 0 else { return nil }
      let allAreGone = difference < 0 && books.allocatorCount == 0
      return Finding(
        kind: difference > 0 ? .orphan : .ghost, count: Int(clamping: difference.magnitude),
        byteCount: Int(clamping: Int128(difference.magnitude) * Int128(books.sizeClass)),
        sizeClass: books.sizeClass, arena: name, sites: allAreGone ? sites(books) : [])
    }
  }
}
