// SPDX-License-Identifier: Apache-2.0

#if AllFormats
  import FoundationEssentials
  import LedgerReading
  import ResourceLedger

  /// A report as one HTML file that needs no network: verdict, memory, a timeline, lines of code as a treemap and as a
  /// table, size classes, both books and ages.
  ///
  /// The table's rows are data, of which a script shows some hundreds at a time: a browser that makes a hundred
  /// thousand rows of a table needs many seconds. The script puts them in as text, so that no name is taken for HTML.
  struct HTMLReport {
    let title: String
    let failures: [String]
    let reports: [Part]

    init(_ ledgers: [AuditedLedger], failures: [String], units: ByteText) {
      title = ledgers.count == 1 ? ledgers[0].report.title : "leak-audit: \(ledgers.count) ledgers"
      reports = ledgers.enumerated().map { Part($1, number: $0, units: units) }
      self.failures = failures
    }

    func text() throws -> String { try MarkupText.render(Self.template, self) }
  }

  extension HTMLReport {
    /// What is shown of one ledger.
    struct Part {
      let number: Int
      let title: String
      let verdict: String
      let verdictText: String
      let figures: [Pair]
      let findings: [FindingRow]
      let memory: Memory?
      let memoryNote: String?
      let timeline: Chart?
      let tiles: [Tile]
      let hasTiles: Bool
      let ages: [Bar]
      let hasAges: Bool
      let arenas: [ArenaRow]
      let sizeClasses: [SizeClassRow]
      let books: String
      let lineCount: String
      /// The lines of code as JSON, in which no character can end a script.
      let data: String
    }

    struct Pair {
      let name: String
      let value: String
    }

    struct FindingRow {
      let label: String
      let heading: String
      let explanation: String
      let reason: String?
      let next: String
      let sites: [String]
      let more: String?
    }

    struct Memory {
      let total: String
      let rows: [MemoryRow]
    }

    struct MemoryRow {
      let name: String
      let resident: String
      let size: String
      /// A share of the resident set, from 0 to 100.
      let percent: String
    }

    struct Chart {
      let width: Int
      let height: Int
      let live: [String]
      let resident: [String]
      let peaks: [Peak]
      let maximum: String
      let span: String
    }

    struct Peak {
      let x: Int
      let label: String
    }

    struct Tile {
      let x: String
      let y: String
      let width: String
      let height: String
      let name: String
      let value: String
      let shade: Int
      /// Whether the name has room.
      let isLabelled: Bool
    }

    struct Bar {
      let name: String
      let value: String
      let percent: String
    }

    struct ArenaRow {
      let name: String
      let allocator: String
      let live: String
      let idle: String
      let quarantined: String
      let detached: String
      let difference: String
      let differs: Bool
    }

    struct SizeClassRow {
      let arena: String
      let size: String
      let allocator: String
      let ledger: String
      let difference: String
      let differs: Bool
    }
  }
#endif
