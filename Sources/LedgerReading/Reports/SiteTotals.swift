// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// The resources that one line of code created.
public struct SiteTotals: Codable, Sendable, Equatable {
  public let file: String
  public let line: Int
  public let function: String
  public let count: Int
  /// Bytes asked for.
  public let byteCount: Int
  /// Whole seconds since the oldest of these resources was created; nil if that is not known, if they have ended, and
  /// in the findings of a process about itself. It may be too large by the time between two refreshes of the ledger's
  /// clock: mostly 1 s.
  public let oldestAge: Int?

  package init(file: String, line: Int, function: String, count: Int, byteCount: Int, oldestAge: Int? = nil) {
    self.file = file
    self.line = line
    self.function = function
    self.count = count
    self.byteCount = byteCount
    self.oldestAge = oldestAge
  }
}

/// Adds up resources by the line that created them.
package struct SiteSums {
  /// Exact, even if clients gave very large byte counts. Only the numbers that are shown saturate.
  private var sums: [SiteID: (count: Int128, byteCount: Int128, oldestAge: Int?)] = [:]
  private var capacities: Set<Int> = []

  package init() {}

  /// - Parameters:
  ///   - capacity: bytes of the size class, if known.
  ///   - oldestAge: seconds since the oldest of the resources was created, if known.
  package mutating func add(
    _ count: Int = 1, byteCount: Int128, capacity: Int? = nil, oldestAge: Int? = nil, at site: SiteID
  ) {
    if let capacity { capacities.insert(capacity) }
    var sum = sums[site] ?? (0, 0, nil)
    sum.count += Int128(count)
    sum.byteCount += byteCount
    if let oldestAge { sum.oldestAge = max(sum.oldestAge ?? 0, oldestAge) }
    sums[site] = sum
  }

  package mutating func add(_ entry: EntrySnapshot, capacity: Int? = nil) {
    add(byteCount: Int128(entry.byteCount), capacity: capacity, at: entry.site)
  }

  /// Bytes of the size class, if it is known and all resources are of one class.
  var sizeClass: Int? { capacities.count == 1 ? capacities.first : nil }

  package var count: Int { Int(clamping: sums.values.reduce(0) { $0 + $1.count }) }
  package var byteCount: Int { Int(clamping: sums.values.reduce(0) { $0 + $1.byteCount }) }

  /// Most bytes first; then by count, and then by site, so that the order is always the same.
  package func sorted(in ledger: Ledger) -> [SiteTotals] { sorted(naming: ledger.site) }

  /// The same for numbers that another table than the ledger gave out.
  func sorted(naming site: (SiteID) -> Site) -> [SiteTotals] {
    sums
      .map { (site($0.key), $0.value) }
      .sorted { ($1.1.byteCount, $1.1.count, $0.0) < ($0.1.byteCount, $0.1.count, $1.0) }
      .map { site, sum in
        SiteTotals(
          file: site.file, line: site.line, function: site.function, count: Int(clamping: sum.count),
          byteCount: Int(clamping: sum.byteCount), oldestAge: sum.oldestAge)
      }
  }
}
