// SPDX-License-Identifier: Apache-2.0

import Synchronization

extension Ledger {
  /// The addresses of the ledger's region, most of which have no memory behind them.
  package var addressRange: Range<UInt> {
    let start = UInt(bitPattern: unsafe base)
    return start..<start + UInt(layout.regionSize)
  }

  /// Totals per bucket of each of the given domains, in one pass over the entries.
  ///
  /// The number of entries that have a resource is exact if no resource of the domain is added or removed meanwhile (an
  /// arena: while its slow-path lock is held). A handle that changes meanwhile is counted as it was at some moment of
  /// the pass.
  /// Cost: 64 bytes of memory read per entry ever in use at the same time.
  package func totals(of domains: [DomainNumber], bucketCount: Int) -> [BucketTotals] {
    totals(of: domains, bucketCount: bucketCount, andWhole: []).sorted
  }

  /// Like ``totals(of:bucketCount:)``, and in the same pass the totals of further domains over all their buckets, and
  /// the live entries of all domains, as ``forEachLiveRun(_:)``.
  package func totals(
    of domains: [DomainNumber], bucketCount: Int, andWhole whole: [DomainNumber],
    live body: (LiveRuns.Run) -> Void = { _ in }
  ) -> (sorted: [BucketTotals], whole: [EntryTotals]) {
    // For each domain: where its sums begin, and into how many buckets it is sorted; 0 if the bucket does not matter.
    var rows = [(start: Int, buckets: Int)](repeating: (-1, 0), count: domainCount)
    for (index, domain) in domains.enumerated() where Int(domain.rawValue) < rows.count {
      rows[Int(domain.rawValue)] = (index * bucketCount, bucketCount)
    }
    let firstWhole = domains.count * bucketCount
    for (index, domain) in whole.enumerated() where Int(domain.rawValue) < rows.count {
      rows[Int(domain.rawValue)] = (firstWhole + index, 0)
    }
    // For each bucket, the index of its sum, or -1 if it has no entries: sums are large, and most buckets have no
    // entries.
    var places = [Int32](repeating: -1, count: firstWhole + whole.count)
    var sums: [EntryTotals] = []
    var runs = LiveRuns()
    addUp {
      Self.row(of: $0, in: rows)
    } visiting: { entry, word in
      runs.add(entry, word, ending: body)
    } adding: { row, run in
      if places[row] < 0 {
        places[row] = Int32(sums.count)
        sums.append(EntryTotals())
      }
      sums[Int(places[row])] += run
    }
    runs.end(body)
    let sorted = (0..<domains.count).map { index in
      var totals = BucketTotals()
      for bucket in 0..<bucketCount where places[index * bucketCount + bucket] >= 0 {
        totals[bucket] = sums[Int(places[index * bucketCount + bucket])]
      }
      return totals
    }
    return (sorted, places[firstWhole...].map { $0 < 0 ? EntryTotals() : sums[Int($0)] })
  }

  /// Adds up the entries that have a resource. Neighbours often have the same classification: their sum stays in
  /// registers until an entry has another one. Allocates nothing, takes no lock.
  /// - Parameters:
  ///   - row: where the entries of a classification are added up; nil if they are not wanted.
  ///   - visit: is called with each entry that has a resource, wanted or not.
  ///   - add: adds the sum of some neighbours to a row.
  @inline(__always)
  func addUp(
    into row: (LedgerEntry.Classification) -> Int?, visiting visit: (LedgerEntry, EntryWord) -> Void = { _, _ in },
    adding add: (_ row: Int, _ run: borrowing EntryTotals) -> Void
  ) {
    var classification = LedgerEntry.Classification(rawValue: .max)
    var place: Int?
    var run = EntryTotals()
    for index in 0..<entryCount {
      let entry = entry(at: index)
      let word = entry.word
      if word.rawValue & EntryWord.stateMask == EntryState.free.rawValue { continue }
      let current = entry.classification
      if current != classification {
        if let place { add(place, run) }
        run = EntryTotals()
        classification = current
        place = row(current)
      }
      if place != nil { run.add(word, of: entry) }
      visit(entry, word)
    }
    if let place { add(place, run) }
  }

  /// Where the entries of a domain's bucket are added up; nil if the caller did not ask for them.
  private static func row(
    of classification: LedgerEntry.Classification, in rows: [(start: Int, buckets: Int)]
  ) -> Int? {
    let domain = Int(classification.domain.rawValue)
    guard domain < rows.count, rows[domain].start >= 0 else { return nil }
    if rows[domain].buckets == 0 { return rows[domain].start }
    let bucket = Int(classification.bucket)
    return bucket < rows[domain].buckets ? rows[domain].start + bucket : nil
  }

  /// Adds up the live entries, but for detached ones, and calls `body` with the sums of neighbours: see ``LiveRuns``.
  /// Allocates nothing, takes no lock. An entry whose life ends meanwhile is left out.
  /// Cost: 64 bytes of memory read per entry ever in use at the same time.
  package func forEachLiveRun(_ body: (LiveRuns.Run) -> Void) {
    var runs = LiveRuns()
    for index in 0..<entryCount {
      let entry = entry(at: index)
      runs.add(entry, entry.word, ending: body)
    }
    runs.end(body)
  }

  /// Calls `body` with every entry that has a resource, except for an entry that changes during each of nine tries to
  /// read it.
  package func forEachResource(_ body: (LedgerEntry, EntrySnapshot) -> Void) {
    for index in 0..<entryCount {
      let entry = entry(at: index)
      if entry.word.state == .free { continue }
      var snapshot = entry.snapshot()
      for _ in 0..<8 where snapshot == nil { snapshot = entry.snapshot() }
      if let snapshot, snapshot.word.state != .free { body(entry, snapshot) }
    }
  }
}
