// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ResourceLedger

@Suite("The articles about the ledger's bytes")
struct LayoutArticleTests {
  private struct Row {
    let heading: String
    let offset: Int
    let byteCount: Int
  }

  /// The rows of the articles' tables that begin with an offset and a number of bytes, table by table.
  private func tables() throws -> [[Row]] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let articles = root.appending(path: "Sources/ResourceLedger/ResourceLedger.docc")
    var tables: [[Row]] = []
    var version = ""
    var heading = ""
    var isInTable = false
    let text = try ["Ledger-Layout.md", "Ledger-Layout-2.md"]
      .map { try String(contentsOf: articles.appending(path: $0), encoding: .utf8) }.joined(separator: "\n")
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("## ") { version = String(line.dropFirst(3)) }
      if line.hasPrefix("### ") { heading = "\(version), \(line.dropFirst(4))" }
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
    #expect(tables.count >= 9)
    for table in tables {
      for (row, next) in zip(table, table.dropFirst()) { #expect(row.offset + row.byteCount <= next.offset, "\(row)") }
      for row in table where [2, 4, 8].contains(row.byteCount) { #expect(row.offset % row.byteCount == 0, "\(row)") }
    }
  }

  @Test("The header of version 1 has the offsets that the code uses, and an entry's fields fill its 64 bytes")
  func code() throws {
    let tables = try tables()
    let header = try #require(tables.first { $0.first?.heading == "Version 1, Header" })
    #expect(
      header.map(\.offset) == [
        0, LedgerLayout.versionOffset, LedgerLayout.processOffset, LedgerLayout.entriesOffsetOffset,
        LedgerLayout.entryCapacityOffset, LedgerLayout.entryCountOffset, LedgerLayout.sitesOffsetOffset,
        LedgerLayout.siteCapacityOffset, LedgerLayout.siteCountOffset, LedgerLayout.stringsOffsetOffset,
        LedgerLayout.stringsCapacityOffset, LedgerLayout.stringsCountOffset, LedgerLayout.domainsOffsetOffset,
        LedgerLayout.domainCapacityOffset, LedgerLayout.domainCountOffset, LedgerLayout.unrecordedOffset,
      ])
    for version in 1...2 {
      let entry = try #require(tables.first { $0.first?.heading == "Version \(version), Entry" })
      #expect(entry.reduce(0) { $0 + $1.byteCount } == LedgerLayout.recordSize)
    }
  }
}
