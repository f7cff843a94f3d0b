// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Reads records that their process may be changing.
///
/// Each record is copied twice, one copy after the other. If both copies are equal, no field changed in between: so the
/// fields of the second copy were together in the ledger at the moment between the two. If they differ, the record is
/// copied again, a bounded number of times.
struct RecordReader {
  private let source: LedgerSource
  private let table: LedgerTable
  /// Whether two copies of a record are of the same state. It ignores what a reader does not need.
  private let isSame: (LedgerRecord, LedgerRecord) -> Bool
  private let first: RecordBytes
  private let second: RecordBytes
  /// Made when a record is read again for the first time.
  private var mapping: LedgerMapping?
  private var isMapped = false

  private static var pieceSize: Int { 1 << 17 }
  /// How often a record is read again. Through a mapping it takes some nanoseconds, and a busy thread's record is still
  /// only for that long.
  private static var tries: (mapped: Int, read: Int) { (4_096, 64) }

  init(
    _ source: LedgerSource, _ table: LedgerTable,
    isSame: @escaping (LedgerRecord, LedgerRecord) -> Bool
  ) {
    self.source = source
    self.table = table
    self.isSame = isSame
    let size = max(table.recordSize, min(Self.pieceSize, table.count.multipliedClamped(by: table.recordSize)))
    first = RecordBytes(count: size)
    second = RecordBytes(count: size)
  }

  /// Reads every record below the table's count. Records in holes of the file are skipped: they are all zeros.
  /// - Parameters:
  ///   - piece: called after a piece was copied, and before its records are passed on.
  ///   - body: gets a record's index and bytes, and whether the record is stable.
  mutating func forEach(
    afterPiece piece: () throws(LedgerReadingError) -> Void = { () throws(LedgerReadingError) in },
    _ body: (_ index: Int, _ record: LedgerRecord, _ isStable: Bool) throws(LedgerReadingError) -> Void
  ) throws(LedgerReadingError) {
    let size = table.recordSize
    let perPiece = max(1, Self.pieceSize / size)
    var index = 0
    var dataEnd = 0
    while index < table.count {
      if table.offset(of: index) >= dataEnd {
        guard let data = source.data(from: table.offset(of: index)) else { return }
        index = max(index, (data.lowerBound - table.offset) / size)
        dataEnd = data.upperBound
        guard index < table.count else { return }
      }
      let untilHole = dataEnd == .max ? perPiece : (dataEnd - table.offset(of: index) + size - 1) / size
      let count = min(perPiece, table.count - index, max(1, untilHole))
      try copy(index, count)
      try piece()
      for position in 0..<count {
        let record = second.record(at: position * size, count: size)
        let isStable = isSame(first.record(at: position * size, count: size), record)
        try body(index + position, record, isStable ? true : readAgain(index + position, at: position))
      }
      index += count
    }
  }

  /// One record, at the begin of the bytes; nil if it changed during each try. The next call overwrites it.
  mutating func record(at index: Int) throws(LedgerReadingError) -> RecordBytes? {
    precondition(index >= 0 && index < table.count)
    return try readAgain(index, at: 0) ? second : nil
  }

  /// Copies some records twice.
  private func copy(_ index: Int, _ count: Int, at position: Int = 0) throws(LedgerReadingError) {
    let bytes = position * table.recordSize..<(position + count) * table.recordSize
    let offset = table.offset(of: index)
    unsafe try source.read(at: offset, into: first.part(bytes))
    atomicMemoryFence(ordering: .acquiring)
    unsafe try source.read(at: offset, into: second.part(bytes))
  }

  /// Reads one record until two copies are equal.
  private mutating func readAgain(_ index: Int, at position: Int) throws(LedgerReadingError) -> Bool {
    if !isMapped {
      isMapped = true
      mapping = source.map(at: table.offset, byteCount: table.count * table.recordSize)
    }
    let size = table.recordSize
    let bytes = position * size..<(position + 1) * size
    for _ in 0..<(mapping == nil ? Self.tries.read : Self.tries.mapped) {
      if let mapping {
        mapping.copy(index * size, size, to: first, at: bytes.lowerBound)
        atomicMemoryFence(ordering: .acquiring)
        mapping.copy(index * size, size, to: second, at: bytes.lowerBound)
      } else {
        try copy(index, 1, at: position)
      }
      if isSame(first.record(at: bytes.lowerBound, count: size), second.record(at: bytes.lowerBound, count: size)) {
        return true
      }
    }
    return false
  }
}

extension RecordReader {
  /// Reads a table of which every byte matters.
  init(_ source: LedgerSource, _ table: LedgerTable) {
    self.init(source, table) { $0.hasSameBytes(as: $1) }
  }
}

extension Int {
  fileprivate func multipliedClamped(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
