// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// The header of a ledger, checked: version, state, and where each table is. The article Ledger-Layout.md has every
/// field.
struct LedgerHeader {
  let status: LedgerSnapshot.Status
  let pageSize: Int
  let regionSize: Int
  /// The tables with room for records, by their kinds. Later versions may have kinds that this one does not know.
  private(set) var tables: [UInt32: LedgerTable] = [:]

  /// Reads and checks a header.
  /// - Throws: ``LedgerReadingError`` if it is none, is of another version, or contradicts itself or the file's size.
  init(_ source: LedgerSource) throws(LedgerReadingError) {
    let subject = source.subject
    func damaged(_ what: String, _ offset: Int) -> LedgerReadingError {
      LedgerReadingError(.damaged(what: what, offset: offset), of: subject)
    }
    let magic = source.byteCount < 8 ? nil : try source.bytes(at: 0, count: 8).number(at: 0, as: UInt64.self)
    // It is written last but one.
    if magic == 0 { throw LedgerReadingError(.notFinished, of: subject) }
    guard magic == LedgerLayout.magic else {
      throw LedgerReadingError(.notALedger(.bytes(source.byteCount)), of: subject)
    }
    func cutShort(wanted: Int? = nil) -> LedgerReadingError {
      LedgerReadingError(.cutShort(byteCount: source.byteCount, wanted: wanted), of: subject)
    }
    guard source.byteCount >= 12 else { throw cutShort() }
    let version = try source.bytes(at: LedgerLayout.versionOffset, count: 4).number(at: 0, as: UInt32.self)
    guard version == LedgerLayout.version else { throw LedgerReadingError(.unknownVersion(version), of: subject) }
    guard source.byteCount >= LedgerLayout.headerSize else { throw cutShort() }
    let header = try source.bytes(at: 0, count: LedgerLayout.headerSize)
    let state = header.number(at: LedgerLayout.stateOffset, as: UInt32.self)
    switch LedgerLayout.State(rawValue: state) {
    case .beingMade: status = .beingMade
    case .inUse: status = .inUse
    case .ended: status = .ended
    case .replaced: status = .replaced
    case nil: throw damaged("its state is \(state), which does not exist", LedgerLayout.stateOffset)
    }
    pageSize = header.word(at: LedgerLayout.pageSizeOffset)
    guard pageSize >= 4_096, pageSize <= 1 << 21, pageSize & (pageSize - 1) == 0 else {
      throw damaged("its page size is \(pageSize.grouped)", LedgerLayout.pageSizeOffset)
    }
    regionSize = header.long(at: LedgerLayout.regionSizeOffset)
    guard regionSize >= LedgerLayout.headerSize else {
      throw damaged("its size is \(regionSize.grouped) bytes", LedgerLayout.regionSizeOffset)
    }
    guard regionSize <= source.byteCount else { throw cutShort(wanted: regionSize) }
    let rowCount = header.word(at: LedgerLayout.rowCountOfDirectoryOffset)
    guard rowCount <= LedgerLayout.directoryCapacity else {
      throw damaged("its directory has \(rowCount.grouped) rows", LedgerLayout.rowCountOfDirectoryOffset)
    }
    for row in 0..<rowCount {
      let offset = LedgerLayout.directoryOffset + row * LedgerLayout.directoryRowSize
      let table = LedgerTable(header, at: offset)
      guard table.kind != 0, table.capacity > 0 else { continue }
      if let fault = table.fault(pageSize: pageSize, regionSize: regionSize) { throw damaged(fault, offset) }
      if tables[table.kind] != nil { throw damaged("its directory has table \(table.kind) twice", offset) }
      for other in tables.values where other.range.overlaps(table.range) {
        throw damaged("tables \(other.kind) and \(table.kind) overlap", offset)
      }
      tables[table.kind] = table
    }
    for kind in [LedgerLayout.Kind.entries, .sites, .strings, .domains] where tables[kind.rawValue] == nil {
      throw damaged("its directory has no table \(kind.rawValue)", LedgerLayout.directoryOffset)
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

  /// A table of a kind; one without records if the ledger has none.
  func table(_ kind: LedgerLayout.Kind) -> LedgerTable {
    tables[kind.rawValue]
      ?? LedgerTable(kind: kind.rawValue, recordSize: kind.recordSize, offset: 0, capacity: 0, count: 0)
  }
}
