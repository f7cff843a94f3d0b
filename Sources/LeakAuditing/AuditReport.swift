// SPDX-License-Identifier: Apache-2.0

/// The result of an audit: both books of every arena and every other domain, what differs, and where the rest of the
/// memory is.
public struct AuditReport: Codable, Sendable {
  public let verdict: Verdict
  /// Faults first, then notes; among the faults, most bytes first.
  public let findings: [Finding]
  public let arenas: [ArenaBooks]
  /// The domains that count themselves and are no arenas, in the order in which they were listed.
  public let domains: [DomainBooks]
  /// Memory that buffers adopted. It is in one book only, so it cannot be audited.
  public let adopted: AdoptedTotals
  public let outside: OutsideMemory

  init(
    verdict: Verdict, findings: [Finding], arenas: [ArenaBooks], domains: [DomainBooks] = [],
    adopted: AdoptedTotals, outside: OutsideMemory
  ) {
    self.verdict = verdict
    self.findings = findings
    self.arenas = arenas
    self.domains = domains
    self.adopted = adopted
    self.outside = outside
  }

  /// Reads a report, even if it was encoded before reports had domains.
  /// - Throws: `DecodingError`, also if the verdict does not follow from the findings.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let findings = try values.decode([Finding].self, forKey: .findings)
    self.init(
      verdict: try Verdict(of: findings, from: values, forKey: .verdict),
      findings: findings,
      arenas: try values.decode([ArenaBooks].self, forKey: .arenas),
      domains: try values.decodeIfPresent([DomainBooks].self, forKey: .domains) ?? [],
      adopted: try values.decode(AdoptedTotals.self, forKey: .adopted),
      outside: try values.decode(OutsideMemory.self, forKey: .outside))
  }

  /// Live resources of a domain without a census.
  public struct AdoptedTotals: Codable, Sendable, Equatable {
    public let count: Int
    public let byteCount: Int
  }

  /// Memory of the process that is not in this library's arenas, in bytes.
  public struct OutsideMemory: Codable, Sendable, Equatable {
    /// The name of the file whose `malloc` the process calls, as "libc.so.6" or "libjemalloc.so.2".
    public let malloc: String
    /// Allocated with malloc anywhere in the process, without this library's arenas. Nil if that `malloc` cannot be
    /// asked, because it is neither glibc's nor jemalloc's, or another thread is asking it for the first time. glibc is
    /// asked at most ten times a second, so the number may be a little old.
    public let allocated: Int?
    /// jemalloc's own structures, of all arenas.
    public let metadata: Int
    /// The whole process's resident set, from `/proc/self/statm`; 0 if that cannot be read.
    public let residentSet: Int
  }
}

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

/// Blocks and the bytes of their size classes.
public struct BookTotals: Codable, Sendable, Equatable {
  public let count: Int
  public let byteCount: Int
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
  /// Resident pages that jemalloc may purge.
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
