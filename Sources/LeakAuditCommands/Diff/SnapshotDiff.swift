// SPDX-License-Identifier: Apache-2.0

import LedgerReading
package import ResourceLedger

/// What differs in two snapshots, line by line of code.
package struct SnapshotDiff: Sendable, Encodable {
  package enum Change: String, Sendable, Codable {
    case new, gone, grown, shrunk
  }

  /// A line of code that has another count or other bytes live than before.
  package struct Line: Sendable, Encodable, Equatable {
    package let change: Change
    package let site: Site
    package let old: Amount
    package let new: Amount

    package var countChange: Int { new.count - old.count }
    package var byteChange: Int { new.byteCount - old.byteCount }
  }

  /// Live resources.
  package struct Amount: Sendable, Codable, Equatable {
    package var count = 0
    /// Bytes asked for.
    package var byteCount = 0

    package init(count: Int = 0, byteCount: Int = 0) {
      self.count = count
      self.byteCount = byteCount
    }

    fileprivate mutating func add(_ line: LineTotals) {
      count = .clampedSum(count, line.count)
      byteCount = .clampedSum(byteCount, line.byteCount)
    }
  }

  package private(set) var old = Amount()
  package private(set) var new = Amount()
  /// The greatest change in bytes first; then by count, and then by line.
  package let lines: [Line]
  /// The lines of code that changed and are not among ``lines``.
  package let leftOutCount: Int

  /// - Parameters:
  ///   - isCompared: which lines of code are compared; others are in no sum.
  ///   - isShown: which of the changes are among ``lines``; the others are in the sums.
  package init(
    from before: [LineTotals], to after: [LineTotals], where isCompared: (Site) -> Bool = { _ in true },
    isShown: (Line) -> Bool = { _ in true }
  ) {
    var amounts: [Site: (old: Amount, new: Amount)] = [:]
    for line in before where isCompared(line.site) {
      amounts[line.site, default: (Amount(), Amount())].old.add(line)
      old.add(line)
    }
    for line in after where isCompared(line.site) {
      amounts[line.site, default: (Amount(), Amount())].new.add(line)
      new.add(line)
    }
    let changes = amounts.compactMap { site, amount -> Line? in
      guard let change = Change(from: amount.old, to: amount.new) else { return nil }
      return Line(change: change, site: site, old: amount.old, new: amount.new)
    }
    lines = changes.filter(isShown).sorted {
      ($1.byteChange.magnitude, $1.countChange.magnitude, $0.site)
        < ($0.byteChange.magnitude, $0.countChange.magnitude, $1.site)
    }
    leftOutCount = changes.count - lines.count
  }
}

extension SnapshotDiff.Change {
  /// What happened to a line; nil if nothing did. Bytes decide; if they are the same, the counts do.
  fileprivate init?(from old: SnapshotDiff.Amount, to new: SnapshotDiff.Amount) {
    guard old != new else { return nil }
    if old.count == 0 {
      self = .new
    } else if new.count == 0 {
      self = .gone
    } else {
      self = (old.byteCount, old.count) < (new.byteCount, new.count) ? .grown : .shrunk
    }
  }
}
