// SPDX-License-Identifier: Apache-2.0

import Glibc

// The ledger's bytes, version 2. The article Ledger-Layout.md has every field, and who writes it.
//
//   0         header, 4,096 bytes; the directory of the tables is in it
//   a page    domains, then sites, strings, and the tables that few programs fill
//   last      entries, 64 bytes each

/// Where things are in a ledger's region, in bytes.
package struct LedgerLayout: Sendable {
  package static let magic: UInt64 = 0x5245_4744_454C_5753  // "SWLEDGER"
  package static let version: UInt32 = 2
  package static let headerSize = 4_096

  /// The kinds of tables. The row of a table in this package's directories is its kind less one.
  package enum Kind: UInt32, CaseIterable, Sendable {
    case entries = 1
    case sites, strings, domains, scopes, budgets, answers, answerArenas, answerClasses, history, peaks
    case quarantine, lendings, frames, modules

    /// Bytes of one record.
    package var recordSize: Int {
      switch self {
      case .entries, .sites, .scopes, .answerClasses, .history, .quarantine, .lendings, .modules: 64
      case .strings: 1
      case .domains, .budgets, .answerArenas: 128
      case .answers: 256
      case .peaks: 512
      case .frames: 8
      }
    }

    /// Whether room for the whole table is set aside when the ledger is made, so that it is there when memory is short.
    package var isWhole: Bool {
      switch self {
      case .answers, .answerArenas, .answerClasses, .history, .peaks: true
      default: false
      }
    }

    /// How many bytes are made readable and writable at a time.
    var growthStep: Int {
      switch self {
      case .entries: 1 << 20
      case .domains: 4_096
      default: 1 << 16
      }
    }

    /// The field of the directory that says how many records may be read.
    package var countOffset: Int {
      LedgerLayout.directoryOffset + (Int(rawValue) - 1) * LedgerLayout.directoryRowSize + LedgerLayout.rowCountOffset
    }
  }

  /// One table of the region.
  package struct Table: Sendable {
    package let kind: Kind
    /// Where record 0 is: a whole number of pages.
    package let offset: Int
    /// The number of records that there is address space for; 0 if the ledger has no such table.
    package let capacity: Int

    package var byteCount: Int { capacity * kind.recordSize }
    package var end: Int { offset + byteCount }
  }

  /// The process's ledger has room for so many entries, and for at least the smallest number if address space is
  /// limited.
  static let largestEntryCapacity = 1 << 24
  static let smallestEntryCapacity = 1 << 12
  /// With fewer entries than this, tables 5 to 15 have no records.
  static let smallestCapacityWithAllTables = 1 << 18
  static let smallestSiteCapacity = 1 << 12

  /// Every domain has a number below this one.
  package static let domainCapacity = 8_192

  /// The tables, by their kinds in the directory's order.
  package let tables: [Table]
  /// The bytes of the whole region: a whole number of pages.
  package let regionSize: Int
  package let pageSize: Int

  package let entries: Table
  package let sites: Table
  package let strings: Table
  package let domains: Table

  init(entryCapacity: Int, pageSize: Int = Int(sysconf(Int32(_SC_PAGESIZE)))) {
    self.pageSize = pageSize
    func pages(_ byteCount: Int) -> Int { (byteCount + pageSize - 1) / pageSize * pageSize }
    var place = pages(Self.headerSize)
    func table(_ kind: Kind) -> Table {
      let table = Table(kind: kind, offset: place, capacity: Self.capacity(of: kind, entryCapacity: entryCapacity))
      place = pages(table.end)
      return table
    }
    domains = table(.domains)
    sites = table(.sites)
    strings = table(.strings)
    let others = Kind.allCases.filter { $0.rawValue > Kind.domains.rawValue }.map(table)
    // Entries are last, because this table is by far the largest.
    entries = table(.entries)
    tables = [entries, sites, strings, domains] + others
    regionSize = place
  }

  package func table(_ kind: Kind) -> Table { tables[Int(kind.rawValue) - 1] }

  private static func capacity(of kind: Kind, entryCapacity: Int) -> Int {
    let hasAllTables = entryCapacity >= smallestCapacityWithAllTables
    switch kind {
    case .entries: return entryCapacity
    case .domains: return domainCapacity
    case .sites: return siteCapacity(entryCapacity)
    case .strings: return stringsCapacity(siteCapacity(entryCapacity))
    case _ where !hasAllTables: return 0
    case .scopes, .budgets, .modules: return 4_096
    case .answers: return 2
    case .answerArenas: return 512
    case .answerClasses: return 8_192
    case .history: return 3_600
    case .peaks: return 4
    case .quarantine, .lendings: return entryCapacity >> 8
    case .frames: return entryCapacity >> 2
    }
  }

  /// How many records there are for lines of code, the unknown line included: 65,536, and up to 1,048,576 if there is
  /// room for 16 million entries. Unused records cost address space only. If there is room for fewer than 262,144
  /// entries, there is one record for every four of them, but 4,096 at least: the lines must not take the space that
  /// the entries need.
  private static func siteCapacity(_ entryCapacity: Int) -> Int {
    let least = min(1 << 16, max(smallestSiteCapacity, entryCapacity >> 2))
    let share = min(1 << 20, max(least, entryCapacity >> 4))
    // Rounded down to a power of two, which SiteIndex needs.
    return 1 << (Int.bitWidth - 1 - share.leadingZeroBitCount)
  }

  /// The bytes of the lines' texts: 256 for each line, or 64 if there are many lines, or 128 if there are few. Equal
  /// texts are stored once: a line takes some 20 bytes of its own.
  private static func stringsCapacity(_ siteCapacity: Int) -> Int {
    if siteCapacity <= 2 * smallestSiteCapacity { return siteCapacity * 128 }
    return max(min(16 << 20, siteCapacity * 256), siteCapacity * 64)
  }
}
