// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Reads the domains that are in use, and those to which a snapshot refers.
struct DomainReader {
  /// The domains, "no domain" first.
  private(set) var domains = [SnapshotDomain(number: 0)]
  /// By domain number: its position in ``domains``, or 0.
  private var positions: [Int] = []

  /// Entries have 16 bits for the number of their domain.
  private static var largestCount: Int { 1 << 16 }

  /// - Parameter endedCounts: by domain number: lives that ended, of entries that are still the domain's. It has an
  ///   element for each domain that an entry names.
  init(_ source: LedgerSource, _ header: LedgerHeader, endedCounts: [Int], damage: inout DamageList)
    throws(LedgerReadingError)
  {
    let table = header.table(.domains)
    guard table.count <= Self.largestCount else {
      throw LedgerReadingError(
        .damaged(what: "it has \(table.count.grouped) domains", offset: table.offset), of: source.subject)
    }
    positions = Array(repeating: 0, count: max(table.count, endedCounts.count))
    var domains = self.domains
    var positions = self.positions
    var reader = RecordReader(source, table)
    try reader.forEach { (index, record, _) throws(LedgerReadingError) in
      let ended = index < endedCounts.count ? endedCounts[index] : 0
      let domain = SnapshotDomain(record, number: index, endedCount: ended)
      guard index > 0, domain.kindNumber != 0 else { return }
      positions[index] = domains.count
      domains.append(domain)
    }
    self.domains = domains
    self.positions = positions
  }

  /// The position of a domain in ``domains``. A domain whose record is gone gets a row without a name.
  func position(of number: Int) -> Int { number < positions.count ? positions[number] : 0 }
}

extension SnapshotDomain {
  /// A domain of which only the number is known.
  init(number: Int) {
    self.init(
      number: number, kindNumber: 0, name: "", isInUse: false, endedCount: 0, rescuedCount: 0)
  }

  fileprivate init(_ record: LedgerRecord, number: Int, endedCount: Int) {
    typealias Field = LedgerLayout.DomainField
    let kind = record.number(at: Field.kindAndTurn, as: UInt32.self)
    // The sequence number is odd while the census is written.
    let hasCensus = record.word(at: Field.censusSequence) & 1 == 0 && record.word(at: Field.censusSecond) != 0
    self.init(
      number: number, kindNumber: kind,
      name: record.paddedText(at: Field.name, count: Field.nameLength),
      isInUse: record.word(at: Field.kindAndTurn + 4) & 1 == 1,
      endedCount: .clampedSum(record.long(at: Field.endedLives), endedCount),
      rescuedCount: record.long(at: Field.rescuedCount),
      arenaNumber: kind == DomainKind.arena.rawValue ? record.word(at: Field.arenaIndex) : nil,
      census: hasCensus
        ? Census(
          count: record.long(at: Field.censusCount), byteCount: record.long(at: Field.censusBytes),
          second: record.word(at: Field.censusSecond)) : nil)
  }
}
