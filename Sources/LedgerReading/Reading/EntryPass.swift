// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Reads every entry of a ledger once.
struct EntryPass {
  private var sums = EntrySums()
  private(set) var largest: LargestEntries
  /// By domain number: lives that ended, of entries that are still the domain's.
  private(set) var endedCounts: [Int] = []
  private(set) var tornCount = 0
  /// Live entries whose release was requested and has not ended. A pin delays it, or a cleanup is under way.
  private(set) var releasing: [EntryFields] = []
  private var damage = DamageList()

  /// There are rarely more than a few.
  private static var mostReleasing: Int { 1_024 }

  private let now: Int
  private let ageBoundaries: [Int]

  init(now: Int, ageBoundaries: [Int], largestCount: Int) {
    self.now = now
    self.ageBoundaries = ageBoundaries
    largest = LargestEntries(limit: largestCount)
  }

  /// - Parameters:
  ///   - header: its counts are read again after each piece of the entries, so that every line and domain is known that
  ///     an entry of the piece names.
  mutating func run(_ source: LedgerSource, _ header: inout LedgerHeader, damage: inout DamageList)
    throws(LedgerReadingError)
  {
    self.damage = damage
    var reader = RecordReader(source, header.table(.entries)) { EntryFields.isSame($0, $1) }
    var siteCount = 0
    var domainCount = 0
    var current = header
    try reader.forEach {
      () throws(LedgerReadingError) in
      try current.readCountsAgain(source)
      siteCount = current.table(.sites).count
      domainCount = current.table(.domains).count
    } _: { (index, record, isStable) throws(LedgerReadingError) in
      guard isStable else {
        tornCount += 1
        return
      }
      add(EntryFields(record), at: index, siteCount, domainCount)
    }
    header = current
    damage = self.damage
  }

  /// The sums, in the order of their keys. Called once, after ``run(_:_:damage:)``.
  mutating func sortedSums() -> [EntrySums.Sum] { sums.sorted() }

  @inline(__always)
  private mutating func add(_ fields: EntryFields, at index: Int, _ siteCount: Int, _ domainCount: Int) {
    if fields.word.rawValue & EntryWord.stateMask == EntryState.free.rawValue { return }
    if let fault = fields.fault(siteCount: siteCount, domainCount: domainCount) {
      damage.add(fault, at: index)
      return
    }
    guard let use = fields.use else { return }
    countEndedLives(fields)
    let hasOwner = use != .idle
    sums.add(
      EntrySums.Key(
        domain: fields.domain, use: use, bucket: fields.bucket, site: hasOwner ? fields.site : 0,
        keeper: use.isHeld ? fields.keeper : .none, ageBand: hasOwner ? band(ofAge: age(fields)) : 0),
      byteCount: hasOwner ? fields.byteCount : 0, capacity: fields.capacity, birth: hasOwner ? fields.birth : 0)
    if use == .releasing, releasing.count < Self.mostReleasing { releasing.append(fields) }
    if use.isHeld { largest.offer(fields, use: use, at: index) }
  }

  @inline(__always)
  private mutating func countEndedLives(_ fields: EntryFields) {
    let domain = Int(fields.domain)
    if domain >= endedCounts.count {
      endedCounts += Array(repeating: 0, count: domain + 1 - endedCounts.count)
    }
    // At most 2^40 lives of each of 2^32 entries.
    let ended = Int(clamping: Int64(bitPattern: fields.word.generation &- fields.firstGeneration))
    endedCounts[domain] = Int(clamping: UInt64(endedCounts[domain]) &+ UInt64(max(0, ended)))
  }

  /// 0 if the birth is not known.
  @inline(__always)
  func age(_ fields: EntryFields) -> Int { fields.birth == 0 ? 0 : max(0, now - Int(fields.birth)) }

  @inline(__always)
  private func band(ofAge age: Int) -> Int {
    var band = 0
    while band < ageBoundaries.count, age >= ageBoundaries[band] { band += 1 }
    return band
  }
}
