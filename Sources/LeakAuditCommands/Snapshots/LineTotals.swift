// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
package import ResourceLedger

/// What a line of code has live in a snapshot.
package struct LineTotals: Sendable, Equatable {
  package let site: Site
  package internal(set) var count = 0
  /// Bytes asked for.
  package internal(set) var byteCount = 0
  /// Of `count`, those that a cache holds, or that are meant to live as long as the process.
  package internal(set) var keptCount = 0
  /// The resources by age band; see ``LedgerSnapshot/ages(ofBand:)``.
  package internal(set) var countsByAge: [Int]

  /// Seconds since the oldest of them was created; nil if that is not known.
  package internal(set) var oldestAge: Int?

  /// - Parameter row: is about live resources of the line.
  fileprivate mutating func add(_ row: SnapshotSum, oldestAge age: Int?) {
    count = .clampedSum(count, row.count)
    byteCount = .clampedSum(byteCount, row.byteCount)
    if row.keeper != .none { keptCount = .clampedSum(keptCount, row.count) }
    countsByAge[row.ageBand] = .clampedSum(countsByAge[row.ageBand], row.count)
    if let age { oldestAge = max(oldestAge ?? 0, age) }
  }

  /// The band of the oldest of them.
  package var oldestBand: Int { countsByAge.lastIndex { $0 > 0 } ?? 0 }
}

extension LedgerSnapshot {
  /// The lines that have something live, most bytes first; then by count, and then by line, so that the order is always
  /// the same. What has no handle that owns it, such as idle memory, is not among them.
  package var liveLines: [LineTotals] {
    var lines: [Site: LineTotals] = [:]
    for row in sums where row.use.isHeld {
      let site = sites[row.site].site
      let empty = LineTotals(site: site, countsByAge: Array(repeating: 0, count: ageBoundaries.count + 1))
      lines[site, default: empty].add(row, oldestAge: oldestAge(of: row))
    }
    return lines.values.sorted { ($1.byteCount, $1.count, $0.site) < ($0.byteCount, $0.count, $1.site) }
  }

  /// Everything that the program has not released.
  package var liveTotals: (count: Int, byteCount: Int) {
    let rows = sums.lazy.filter(\.use.isHeld)
    return (.clampedSum(rows.map(\.count)), .clampedSum(rows.map(\.byteCount)))
  }

  /// Of what the program has not released, what is kept on purpose by this keeper, so that it is no finding. The
  /// registrations by which a cache finds out that its values died are the cache's own, and not counted: who put ten
  /// pictures into a cache reads ten.
  package func keptTotals(by keeper: ResourceKeeper) -> (count: Int, byteCount: Int) {
    let rows = sums.lazy.filter {
      $0.use.isHeld && $0.keeper == keeper
        && !(keeper == .cache && domains[$0.domain].kind == .finalizationRegistry)
    }
    return (.clampedSum(rows.map(\.count)), .clampedSum(rows.map(\.byteCount)))
  }

  /// The resident set that the process counted last; nil if it never did.
  var lastResidentSet: Int? { [history.last?.residentSet, answer?.residentSet].compactMap { $0 }.first { $0 > 0 } }

  /// Memory that is kept for reuse.
  package var idleByteCount: Int { .clampedSum(sums.lazy.filter { $0.use == .idle }.map(\.capacity)) }
}
