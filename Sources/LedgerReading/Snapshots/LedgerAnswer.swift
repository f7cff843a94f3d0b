// SPDX-License-Identifier: Apache-2.0

/// What the process counted when a reader asked it: both books of every arena, at one instant.
package struct LedgerAnswer: Codable, Sendable, Equatable {
  /// Answers are numbered from 1.
  package var number: Int
  /// The second of the ledger's clock, and how many seconds before the snapshot that was.
  package var second: Int
  package var age: Double
  /// Whether every arena and size class had room in the answer. If not, the ones that are missing cannot be compared.
  package var isComplete: Bool
  /// The name of the file whose `malloc` the process calls, and the bytes that are allocated with it; nil if that
  /// `malloc` cannot be asked.
  package var malloc: String
  package var mallocByteCount: Int?
  /// jemalloc's own structures, in bytes.
  package var metadata: Int
  /// The process's resident set, in bytes.
  package var residentSet: Int
  package var arenas: [Arena]
  /// The size classes with a block in either book.
  package var classes: [SizeClassCounts]

  /// The allocator's counts of one arena, in bytes.
  package struct Arena: Codable, Sendable, Equatable {
    /// The position of its domain in ``LedgerSnapshot/domains``.
    package var domain: Int
    /// jemalloc's number of it.
    package var number: Int
    package var allocated: Int
    package var active: Int
    package var dirty: Int
    package var muzzy: Int
    package var retained: Int
    package var metadata: Int
    package var resident: Int
  }

  /// Blocks of one size class in both books.
  package struct SizeClassCounts: Codable, Sendable, Equatable {
    /// The position of its domain in ``LedgerSnapshot/domains``.
    package var domain: Int
    /// The number of the size class.
    package var bucket: Int
    package var allocatorCount: Int
    package var liveCount: Int
    package var idleCount: Int
    package var quarantinedCount: Int
    package var detachedCount: Int
    /// Bytes asked for by the live ones.
    package var liveByteCount: Int
  }
}
