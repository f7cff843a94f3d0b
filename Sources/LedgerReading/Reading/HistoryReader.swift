// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Reads the samples of the last hour.
enum HistoryReader {
  private static var period: Int { 3_600 }

  static func read(_ source: LedgerSource, _ header: LedgerHeader, now: Int) throws(LedgerReadingError)
    -> [HistorySample]
  {
    let table = header.table(.history)
    var samples: [HistorySample] = []
    var reader = RecordReader(source, table)
    try reader.forEach { (index, record, isStable) throws(LedgerReadingError) in
      // A second has one place in the ring, so there are at most as many samples as places.
      let second = record.word(at: 0)
      guard isStable, second > 0, second % table.capacity == index, index < period, second > now - period else {
        return
      }
      samples.append(
        HistorySample(
          second: second, pressure: record.word(at: 4), liveCount: record.long(at: 8),
          liveByteCount: record.long(at: 16), idleByteCount: record.long(at: 24),
          residentSet: record.long(at: 32), disposedCount: record.long(at: 40), rescuedCount: record.long(at: 48),
          budgetByteCount: record.long(at: 56)))
    }
    return samples.sorted { $0.second < $1.second }
  }
}

/// Reads the peaks, whose lines are looked up later.
struct PeakReader {
  private struct Row {
    let peak: LedgerPeak
    let siteNumbers: [UInt32]
  }

  private var rows: [Row] = []

  private static var largestCount: Int { 16 }
  private static var siteCount: Int { 20 }

  init(_ source: LedgerSource, _ header: LedgerHeader) throws(LedgerReadingError) {
    let table = header.table(.peaks)
    var reader = RecordReader(source, table)
    for index in 0..<min(table.count, Self.largestCount) {
      guard let record = try reader.record(at: index) else { continue }
      let reason: LedgerPeak.Reason
      switch record.word(at: 4) {
      case 1: reason = .mostLiveBytes
      case 2: reason = .failedAllocation
      default: continue
      }
      let places = (0..<Self.siteCount).map { 32 + $0 * 24 }.filter { record.long(at: $0 + 8) > 0 }
      rows.append(
        Row(
          peak: LedgerPeak(
            reason: reason, second: record.word(at: 0), liveCount: record.long(at: 8),
            liveByteCount: record.long(at: 16), requestedByteCount: record.long(at: 24),
            sites: places.map {
              LedgerPeak.Share(site: 0, count: record.long(at: $0 + 8), byteCount: record.long(at: $0 + 16))
            }),
          siteNumbers: places.map { record.number(at: $0, as: UInt32.self) }))
    }
  }

  /// The numbers of all lines in the peaks.
  var siteNumbers: [UInt32] { rows.flatMap(\.siteNumbers) }

  /// Oldest first.
  func peaks(_ sites: SiteReader) -> [LedgerPeak] {
    rows.map { row in
      var peak = row.peak
      for (index, number) in row.siteNumbers.enumerated() { peak.sites[index].site = sites.position(of: number) }
      return peak
    }.sorted { $0.second < $1.second }
  }
}

/// Reads the names of scopes.
enum ScopeReader {
  static func read(_ source: LedgerSource, _ header: LedgerHeader, numbers: Set<UInt32>) throws(LedgerReadingError)
    -> [SnapshotScope]
  {
    let table = header.table(.scopes)
    guard table.count > 0 else { return [] }
    var reader = RecordReader(source, table)
    var scopes: [SnapshotScope] = []
    for number in numbers.sorted() where number != 0 {
      let index = Int(number) % table.capacity
      guard index < table.count, let record = try reader.record(at: index),
        record.number(at: 0, as: UInt32.self) == number
      else { continue }
      let ended = record.word(at: 12)
      scopes.append(
        SnapshotScope(
          number: number, parent: record.number(at: 4, as: UInt32.self), name: record.paddedText(at: 16, count: 48),
          began: record.word(at: 8), ended: ended == 0 ? nil : ended))
    }
    return scopes
  }
}
