// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Reads the lines to which a snapshot refers, and those with rescues.
struct SiteReader {
  /// The lines, the unknown one first.
  private(set) var sites = [
    SnapshotSite(site: .unknown, rescuedCount: 0, rescuedByteCount: 0, firstUse: 0, lastUse: 0)
  ]
  /// The numbers of these lines in the ledger, ascending.
  private var numbers: [UInt32] = [0]

  /// - Parameter wanted: numbers of lines, in any order and several times.
  init(_ source: LedgerSource, _ header: LedgerHeader, wanted: [UInt32], damage: inout DamageList)
    throws(LedgerReadingError)
  {
    var wanted = Self.distinct(wanted)[...]
    var texts = LedgerTexts(source, header.table(.strings))
    var records = RecordReader(source, header.table(.sites))
    // A stack names the line that it leads to.
    var lines = RecordReader(source, header.table(.sites))
    let siteCount = header.table(.sites).count
    var sites = self.sites
    var numbers = self.numbers
    // Nothing is made larger by and by, because that would take thrice the memory for a while.
    sites.reserveCapacity(wanted.count + 1)
    numbers.reserveCapacity(wanted.count + 1)
    var found = damage
    try records.forEach { (index, record, _) throws(LedgerReadingError) in
      let number = UInt32(truncatingIfNeeded: index)
      while let next = wanted.first, next < number { wanted.removeFirst() }
      let isWanted = wanted.first == number
      let rescuedCount = record.long(at: LedgerLayout.SiteField.rescuedCount)
      let rescuedByteCount = record.long(at: LedgerLayout.SiteField.rescuedBytes)
      guard isWanted || rescuedCount != 0 else { return }
      if number == 0 {
        sites[0].rescuedCount = rescuedCount
        sites[0].rescuedByteCount = rescuedByteCount
        return
      }
      var line = LineFields(record)
      if line.kind == 1, line.lineOfStack < siteCount, let own = try lines.record(at: line.lineOfStack) {
        line = own.withRecord { LineFields($0) }
      }
      guard line.kind == 0, let file = try texts.text(line.fileOffset, line.fileLength),
        let function = try texts.text(line.functionOffset, line.functionLength)
      else {
        found.add("a line has no readable text", at: index)
        if isWanted { append(Site(file: "(damaged)", line: 0, function: "(damaged)")) }
        return
      }
      append(Site(file: file, line: line.line, function: function))

      func append(_ site: Site) {
        numbers.append(number)
        sites.append(
          SnapshotSite(
            site: site, rescuedCount: rescuedCount, rescuedByteCount: rescuedByteCount,
            firstUse: record.word(at: LedgerLayout.SiteField.firstUse),
            lastUse: record.word(at: LedgerLayout.SiteField.lastUse)))
      }
    }
    damage = found
    self.sites = sites
    self.numbers = numbers
  }

  /// Ascending, and each number once.
  private static func distinct(_ numbers: [UInt32]) -> [UInt32] {
    var sorted = numbers.sorted()
    var count = 0
    for number in sorted where count == 0 || sorted[count - 1] != number {
      sorted[count] = number
      count += 1
    }
    sorted.removeLast(sorted.count - count)
    return sorted
  }

  /// The position of a line in ``sites``; 0, the unknown line, if it was not read.
  func position(of number: UInt32) -> Int {
    var range = 0..<numbers.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if numbers[middle] == number { return middle }
      range = numbers[middle] < number ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return 0
  }
}

/// The fields of a site record that say which line it is.
private struct LineFields {
  let fileOffset: Int
  let fileLength: Int
  let functionOffset: Int
  let functionLength: Int
  let line: Int
  /// 0 for a line, 1 for a stack.
  let kind: UInt32

  init(_ record: LedgerRecord) {
    fileOffset = record.word(at: LedgerLayout.SiteField.fileOffset)
    fileLength = record.word(at: LedgerLayout.SiteField.fileLength)
    functionOffset = record.word(at: LedgerLayout.SiteField.functionOffset)
    functionLength = record.word(at: LedgerLayout.SiteField.functionLength)
    line = record.word(at: LedgerLayout.SiteField.line)
    kind = record.number(at: LedgerLayout.SiteField.kind, as: UInt32.self)
  }

  /// A stack: the number of the line that it leads to.
  var lineOfStack: Int { functionOffset }
}

/// The texts of a ledger, each read once.
///
/// Texts of a sound ledger do not overlap. So the texts that are read are at most as long as the table; a ledger that
/// makes more of its bytes is refused, and cannot make its reader large.
struct LedgerTexts {
  private let source: LedgerSource
  private let table: LedgerTable
  private var known: [UInt64: String] = [:]
  private var byteCount = 0
  private var window: RecordBytes
  private var windowRange = 0..<0

  /// No text is longer, so that two of them are in memory at most.
  private static var longest: Int { 1 << 16 }

  init(_ source: LedgerSource, _ table: LedgerTable) {
    self.source = source
    self.table = table
    window = RecordBytes(count: min(Self.longest, table.count))
  }

  /// - Returns: nil if the bytes are not in the table, or too many.
  mutating func text(_ offset: Int, _ length: Int) throws(LedgerReadingError) -> String? {
    let key = UInt64(offset) << 32 | UInt64(length)
    if let text = known[key] { return text }
    guard offset <= table.count, length <= table.count - offset, length <= Self.longest,
      byteCount + length <= table.count
    else { return nil }
    byteCount += length
    let text = length == 0 ? "" : try read(offset, length)
    known[key] = text
    return text
  }

  private mutating func read(_ offset: Int, _ length: Int) throws(LedgerReadingError) -> String {
    if offset < windowRange.lowerBound || offset + length > windowRange.upperBound {
      let count = min(window.count, table.count - offset)
      windowRange = 0..<0
      unsafe try source.read(at: table.offset + offset, into: window.part(0..<count))
      windowRange = offset..<offset + count
    }
    return window.text(at: offset - windowRange.lowerBound, count: length)
  }
}
