// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Where a table is, and how many of its records may be read.
struct LedgerTable {
  /// The number that the directory gives the kind of table.
  let kind: UInt32
  let recordSize: Int
  let offset: Int
  let capacity: Int
  let count: Int

  init(kind: UInt32, recordSize: Int, offset: Int, capacity: Int, count: Int) {
    self.kind = kind
    self.recordSize = recordSize
    self.offset = offset
    self.capacity = capacity
    self.count = count
  }

  /// Reads a row of the directory, without a check.
  init(_ header: RecordBytes, at row: Int) {
    self.init(
      kind: header.number(at: row + LedgerLayout.rowKindOffset, as: UInt32.self),
      recordSize: header.word(at: row + LedgerLayout.rowRecordSizeOffset),
      offset: header.long(at: row + LedgerLayout.rowTableOffset),
      capacity: header.long(at: row + LedgerLayout.rowCapacityOffset),
      count: header.long(at: row + LedgerLayout.rowCountOffset))
  }

  /// The largest record that is read: records are copied in pieces of some of them.
  private static var largestRecordSize: Int { 1 << 16 }

  /// What contradicts the rest of the header; nil if nothing does.
  func fault(pageSize: Int, regionSize: Int) -> String? {
    let name = "table \(kind)"
    let known = LedgerLayout.Kind(rawValue: kind)
    let isText = known == .strings
    // Later versions may have longer records, which are stepped over.
    guard recordSize > 0, recordSize >= known?.recordSize ?? 1, recordSize <= Self.largestRecordSize,
      isText ? recordSize == 1 : recordSize % 8 == 0
    else { return "\(name) has records of \(recordSize.grouped) bytes" }
    guard offset >= LedgerLayout.headerSize, offset % pageSize == 0 else {
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
