// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The header of a ledger, checked: version, state, and where each table is. The article Ledger-Layout.md has every
/// field.
struct LedgerHeader {
  static var byteCount: Int { 4_096 }
  /// "SWLEDGER".
  private static var magic: UInt64 { 0x5245_4744_454C_5753 }
  private static var version: UInt32 { 2 }
  private static var directoryOffset: Int { 1_024 }
  private static var rowSize: Int { 32 }
  private static var largestRowCount: Int { 32 }

  let status: LedgerSnapshot.Status
  let pageSize: Int
  let regionSize: Int
  /// The tables with room for records, by their kinds.
  private(set) var tables: [TableKind: LedgerTable] = [:]

  /// Reads and checks a header.
  /// - Throws: ``LedgerReadingError`` if it is none, is of another version, or contradicts itself or the file's size.
  init(_ source: LedgerSource) throws(LedgerReadingError) {
    let subject = source.subject
    func damaged(_ what: String, _ offset: Int) -> LedgerReadingError {
      LedgerReadingError(.damaged(what: what, offset: offset), of: subject)
    }
    guard source.byteCount >= 12 else {
      throw LedgerReadingError(.notALedger(byteCount: source.byteCount), of: subject)
    }
    let start = try source.bytes(at: 0, count: 12)
    guard start.number(at: 0, as: UInt64.self) == Self.magic else {
      throw LedgerReadingError(.notALedger(byteCount: source.byteCount), of: subject)
    }
    let version = start.number(at: 8, as: UInt32.self)
    guard version == Self.version else { throw LedgerReadingError(.unknownVersion(version), of: subject) }
    guard source.byteCount >= Self.byteCount else {
      throw damaged("it ends in the header", source.byteCount)
    }
    let header = try source.bytes(at: 0, count: Self.byteCount)
    switch header.word(at: 12) {
    case 0: status = .beingMade
    case 1: status = .inUse
    case 2: status = .ended
    case let other: throw damaged("its state is \(other), which does not exist", 12)
    }
    pageSize = header.word(at: 24)
    guard pageSize >= 4_096, pageSize <= 1 << 21, pageSize & (pageSize - 1) == 0 else {
      throw damaged("its page size is \(pageSize.grouped)", 24)
    }
    regionSize = header.long(at: 16)
    guard regionSize >= Self.byteCount else { throw damaged("its size is \(regionSize.grouped) bytes", 16) }
    guard regionSize <= source.byteCount else {
      throw damaged(
        "it says that it has \(regionSize.grouped) bytes, and the file has \(source.byteCount.grouped)", 16)
    }
    let rowCount = header.word(at: 28)
    guard rowCount <= Self.largestRowCount else { throw damaged("its directory has \(rowCount.grouped) rows", 28) }
    for row in 0..<rowCount {
      let offset = Self.directoryOffset + row * Self.rowSize
      let table = LedgerTable(header, at: offset)
      guard table.kind.rawValue != 0, table.capacity > 0 else { continue }
      if let fault = table.fault(pageSize: pageSize, regionSize: regionSize) { throw damaged(fault, offset) }
      if tables[table.kind] != nil { throw damaged("its directory has table \(table.kind.rawValue) twice", offset) }
      for other in tables.values where other.range.overlaps(table.range) {
        throw damaged("tables \(other.kind.rawValue) and \(table.kind.rawValue) overlap", offset)
      }
      tables[table.kind] = table
    }
    for kind in [TableKind.entries, .sites, .strings, .domains] where tables[kind] == nil {
      throw damaged("its directory has no table \(kind.rawValue)", Self.directoryOffset)
    }
  }

  /// The tables' counts as they are now: those of a process that goes on grow.
  /// - Throws: ``LedgerReadingError`` if the header is not the same in all else.
  mutating func readCountsAgain(_ source: LedgerSource) throws(LedgerReadingError) {
    let now = try LedgerHeader(source)
    let isSame =
      now.regionSize == regionSize && now.tables.count == tables.count
      && now.tables.allSatisfy { kind, table in tables[kind]?.range == table.range }
    guard isSame else {
      throw LedgerReadingError(.changedWhileRead(what: "its header is another one now"), of: source.subject)
    }
    tables = now.tables
  }

  func table(_ kind: TableKind) -> LedgerTable {
    tables[kind] ?? LedgerTable(kind: kind, recordSize: max(1, kind.leastRecordSize), offset: 0, capacity: 0, count: 0)
  }
}

/// The kind of a table, as the directory numbers it. A ledger may have kinds that this version does not know.
struct TableKind: Hashable {
  let rawValue: UInt32

  static var entries: TableKind { TableKind(rawValue: 1) }
  static var sites: TableKind { TableKind(rawValue: 2) }
  static var strings: TableKind { TableKind(rawValue: 3) }
  static var domains: TableKind { TableKind(rawValue: 4) }
  static var scopes: TableKind { TableKind(rawValue: 5) }
  static var answers: TableKind { TableKind(rawValue: 7) }
  static var answerArenas: TableKind { TableKind(rawValue: 8) }
  static var answerClasses: TableKind { TableKind(rawValue: 9) }
  static var history: TableKind { TableKind(rawValue: 10) }
  static var peaks: TableKind { TableKind(rawValue: 11) }

  /// The bytes of a record as this version knows it; 0 for a kind that it does not read. Later versions may have longer
  /// records.
  var leastRecordSize: Int {
    switch self {
    case .strings: 1
    case .entries, .sites, .scopes, .answerClasses, .history: 64
    case .domains, .answerArenas: 128
    case .answers: 256
    case .peaks: 512
    default: 0
    }
  }
}

/// Where a table is, and how many of its records may be read.
struct LedgerTable {
  let kind: TableKind
  let recordSize: Int
  let offset: Int
  let capacity: Int
  let count: Int

  init(kind: TableKind, recordSize: Int, offset: Int, capacity: Int, count: Int) {
    self.kind = kind
    self.recordSize = recordSize
    self.offset = offset
    self.capacity = capacity
    self.count = count
  }

  /// Reads a row of the directory, without a check.
  fileprivate init(_ header: RecordBytes, at row: Int) {
    self.init(
      kind: TableKind(rawValue: header.number(at: row, as: UInt32.self)), recordSize: header.word(at: row + 4),
      offset: header.long(at: row + 8), capacity: header.long(at: row + 16), count: header.long(at: row + 24))
  }

  /// The largest record that is read: records are copied in pieces of some of them.
  private static var largestRecordSize: Int { 1 << 16 }

  /// What contradicts the rest of the header; nil if nothing does.
  fileprivate func fault(pageSize: Int, regionSize: Int) -> String? {
    let name = "table \(kind.rawValue)"
    let isText = kind == .strings
    guard recordSize > 0, recordSize >= kind.leastRecordSize, recordSize <= Self.largestRecordSize,
      isText ? recordSize == 1 : recordSize % 8 == 0
    else { return "\(name) has records of \(recordSize.grouped) bytes" }
    guard offset >= LedgerHeader.byteCount, offset % pageSize == 0 else {
      return "\(name) begins at byte \(offset.grouped)"
    }
    let (byteCount, overflow) = capacity.multipliedReportingOverflow(by: recordSize)
    guard !overflow, offset <= regionSize, byteCount <= regionSize - offset else {
      return "\(name) ends behind the end of the ledger"
    }
    guard count <= capacity else {
      return "\(name) has \(count.grouped) records, and room for \(capacity.grouped)"
    }
    return nil
  }

  /// The bytes that the table has room in. It was checked that this does not overflow.
  var range: Range<Int> { offset..<offset + capacity * recordSize }

  func offset(of index: Int) -> Int { offset + index * recordSize }
}
