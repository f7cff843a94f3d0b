// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Where the memory of a process is: terms that add up to its resident set, to the byte. The article
/// Where-The-Memory-Is.md says what each term means.
///
/// The total is the sum over one reading of `smaps`. What is in no other term is in ``Term/other``, with names in
/// ``otherParts``. If the process runs on meanwhile, blocks, mappings and pages are of slightly different moments: then
/// `other` has the difference, which may be below 0.
package struct ResidentSum: Codable, Equatable, Sendable {
  /// Bytes in memory.
  package let total: Int
  /// One row for each term that applies, in the order of the table.
  package let rows: [Row]
  /// What ``Term/other`` consists of, most bytes first.
  package let otherParts: [Part]
  /// Address space that our arenas keep without memory behind it, which counts nowhere; nil if it is not known.
  package let retained: Int?
  /// Of the total: bytes in huge pages, and bytes of shared memory, which are among the files.
  package let hugePages: Int
  package let sharedMemory: Int
  /// Bytes of the process in swap space, which are not in the total.
  package let swapped: Int
  /// The file that has the process's `malloc`; nil if it is not known.
  package let mallocName: String?

  package enum Term: String, Codable, CaseIterable, Sendable {
    case live, detached, rounding, idle, quarantined, freePlaces, dirty, muzzy, unused, jemalloc, books, malloc, files,
      stacks, other
  }

  package struct Row: Codable, Equatable, Sendable {
    package let term: Term
    /// Bytes in memory.
    package let resident: Int
    /// What the term has in all, touched or not, in bytes: as blocks, as the allocator counts it, or as mappings. Nil
    /// if it is not known.
    package let size: Int?
    /// Of these, bytes in swap space; only for blocks.
    package let swapped: Int

    package init(term: Term, resident: Int, size: Int?, swapped: Int = 0) {
      self.term = term
      self.resident = resident
      self.size = size
      self.swapped = swapped
    }
  }

  package struct Part: Codable, Equatable, Sendable {
    package let name: String
    package let resident: Int
  }

  init(
    total: Int, rows: [Row], otherParts: [Part], retained: Int?, hugePages: Int, sharedMemory: Int, swapped: Int,
    mallocName: String?
  ) {
    self.total = total
    self.rows = rows
    self.otherParts = otherParts
    self.retained = retained
    self.hugePages = hugePages
    self.sharedMemory = sharedMemory
    self.swapped = swapped
    self.mallocName = mallocName
  }

  /// Reads a sum.
  /// - Throws: `DecodingError`, also if the rows do not add up to the total.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    total = try values.decode(Int.self, forKey: .total)
    rows = try values.decode([Row].self, forKey: .rows)
    otherParts = try values.decode([Part].self, forKey: .otherParts)
    retained = try values.decodeIfPresent(Int.self, forKey: .retained)
    hugePages = try values.decode(Int.self, forKey: .hugePages)
    sharedMemory = try values.decode(Int.self, forKey: .sharedMemory)
    swapped = try values.decode(Int.self, forKey: .swapped)
    mallocName = try values.decodeIfPresent(String.self, forKey: .mallocName)
    guard Int.clampedSum(rows.map(\.resident)) == total else {
      throw DecodingError.dataCorruptedError(
        forKey: .total, in: values, debugDescription: "the rows do not add up to \(total)")
    }
  }

  /// The row of a term; nil if the term does not apply.
  package subscript(_ term: Term) -> Row? { rows.first { $0.term == term } }
}
