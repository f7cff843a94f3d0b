// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ResourceLedger

@Suite("The article about the ledger's bytes")
struct LayoutArticleTests {
  private struct Row {
    let heading: String
    let offset: Int
    let byteCount: Int
  }

  private func text() throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let article = root.appending(path: "Sources/ResourceLedger/ResourceLedger.docc/Ledger-Layout.md")
    return try String(contentsOf: article, encoding: .utf8)
  }

  /// The rows of the article's tables that begin with an offset and a number of bytes, table by table.
  private func tables() throws -> [[Row]] {
    var tables: [[Row]] = []
    var heading = ""
    var isInTable = false
    for line in try text().split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
      if line.hasPrefix("| offset | bytes ") {
        isInTable = true
        tables.append([])
      } else if !line.hasPrefix("|") {
        isInTable = false
      } else if isInTable, !line.hasPrefix("| -") {
        let cells = line.split(separator: "|").map { $0.replacing(",", with: "").trimmingCharacters(in: .whitespaces) }
        // "8 + 8" are two fields, and "32 × 32" are 32 records of 32 bytes.
        let byteCount = try cells[1].split(separator: "+").reduce(0) { sum, field in
          try field.split(separator: "×").reduce(1) { product, factor in
            product * (try #require(Int(factor.trimmingCharacters(in: .whitespaces))))
          } + sum
        }
        tables[tables.count - 1].append(
          Row(heading: heading, offset: try #require(Int(cells[0])), byteCount: byteCount))
      }
    }
    return tables
  }

  @Test("No field overlaps the next one, and fields of 2, 4 and 8 bytes are aligned")
  func fields() throws {
    let tables = try tables()
    #expect(tables.count >= 5)
    for table in tables {
      for (row, next) in zip(table, table.dropFirst()) { #expect(row.offset + row.byteCount <= next.offset, "\(row)") }
      for row in table where [2, 4, 8].contains(row.byteCount) { #expect(row.offset % row.byteCount == 0, "\(row)") }
    }
  }

  private func table(_ heading: String) throws -> [Row] {
    try #require(try tables().first { $0.first?.heading == heading })
  }

  @Test("The code uses the offsets of the header that the article gives")
  func header() throws {
    let offsets = Set(try table("Header").map(\.offset))
    let used = [
      0, LedgerLayout.versionOffset, LedgerLayout.stateOffset, LedgerLayout.regionSizeOffset,
      LedgerLayout.pageSizeOffset, LedgerLayout.rowCountOfDirectoryOffset, LedgerLayout.identityOffset,
      LedgerLayout.identityEnd, LedgerLayout.clockSequenceOffset, LedgerLayout.secondOffset,
      LedgerLayout.longestGapOffset, LedgerLayout.clockFlagsOffset, LedgerLayout.monotonicAtRefreshOffset,
      LedgerLayout.realTimeAtRefreshOffset, LedgerLayout.unrecordedOffset, LedgerLayout.answerNumberOffset,
      LedgerLayout.directoryOffset,
    ]
    #expect(Set(used).isSubset(of: offsets), "\(Set(used).subtracting(offsets))")
    #expect(LedgerLayout.directoryRowSize * LedgerLayout.directoryCapacity == 1_024)
    #expect(LedgerLayout.Kind.allCases.count <= LedgerLayout.directoryCapacity)
  }

  @Test("The code uses the offsets of domains that the article gives, and an entry's fields fill its 64 bytes")
  func records() throws {
    #expect(try table("Entry").reduce(0) { $0 + $1.byteCount } == LedgerLayout.Kind.entries.recordSize)
    typealias Domain = LedgerLayout.DomainField
    let domain = Set(try table("Domain").map(\.offset))
    let used = [
      Domain.kindAndTurn, Domain.name, Domain.censusSequence, Domain.censusSecond, Domain.censusCount,
      Domain.arenaIndex, Domain.endedLives, Domain.rescuedCount, Domain.allocatedBlocks,
    ]
    #expect(Set(used).isSubset(of: domain), "\(Set(used).subtracting(domain))")
    #expect(domain.max().map { $0 + 8 } == LedgerLayout.Kind.domains.recordSize)
  }

  @Test("Every table that the article lists has its number, its record size and its largest capacity in the code")
  func directory() throws {
    let layout = LedgerLayout(entryCapacity: 1 << 24)
    var rows = 0
    for line in try text().split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.replacing(",", with: "").trimmingCharacters(in: .whitespaces) }
      guard cells.count == 5, let number = UInt32(cells[0]), let size = Int(cells[2]),
        let kind = LedgerLayout.Kind(rawValue: number)
      else { continue }
      rows += 1
      #expect(kind.recordSize == size, "\(kind)")
      let capacity = cells[3] == "64 MiB" ? 64 << 20 : Int(cells[3].split(separator: " ")[0])
      #expect(layout.table(kind).capacity == capacity, "\(kind)")
    }
    #expect(rows == LedgerLayout.Kind.allCases.count)
  }

  @Test("Tables begin at whole pages, do not overlap, and lie in the region", arguments: [1, 4_096, 1 << 18, 1 << 24])
  func tablesLieApart(entryCapacity: Int) {
    let layout = LedgerLayout(entryCapacity: entryCapacity)
    let tables = layout.tables.filter { $0.capacity > 0 }.sorted { $0.offset < $1.offset }
    #expect(tables.allSatisfy { $0.offset % layout.pageSize == 0 && $0.offset >= LedgerLayout.headerSize })
    for (table, next) in zip(tables, tables.dropFirst()) { #expect(table.end <= next.offset) }
    #expect(tables.allSatisfy { $0.end <= layout.regionSize })
    #expect((layout.table(.history).capacity > 0) == (entryCapacity >= 1 << 18))
  }
}
