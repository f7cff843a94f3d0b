// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import NativeSynchronization
import ResourceLedger

/// Finds cleanups that have run for too long, and so delay the cleanups behind them.
struct StuckCleanups {
  /// The cleanups of one registry that have run for too long, and the age of the longest in milliseconds.
  private struct Running {
    var sums = SiteSums()
    var longest = 0
  }

  /// Takes one pass over the ledger if a cleanup is under way in one of the given registries, and otherwise none.
  /// - Parameter limit: how long a cleanup may run.
  static func findings(
    among listings: [ResourceDomains.Listing], totals: [EntryTotals], limit: Duration, in ledger: Ledger
  ) -> [Finding] {
    var running: [DomainNumber: Running] = [:]
    for case (let listing, let sum) in zip(listings, totals)
    where sum.releasingCount > 0 && listing.domain is any DeliveringDomain {
      running[listing.id.number] = Running()
    }
    guard !running.isEmpty else { return [] }
    ledger.forEachResource { entry, snapshot in
      guard snapshot.word.isReleaseRequested, let index = running.index(forKey: snapshot.domain) else { return }
      let start = entry.cleanupStart
      // The start belongs to this registration only if the registration is not over. In a forked child, a cleanup that
      // began in the parent does not run.
      guard start != 0, CoarseClock.isOfThisProcess(start), entry.word.isSameLife(as: snapshot.word) else { return }
      let age = CoarseClock.milliseconds(from: start, to: CoarseClock.now)
      guard Duration.milliseconds(age) >= limit else { return }
      running.values[index].sums.add(snapshot)
      running.values[index].longest = max(running.values[index].longest, age)
    }
    return listings.compactMap { listing in
      guard let running = running[listing.id.number], running.sums.count > 0 else { return nil }
      return Finding(
        kind: .stuck, count: running.sums.count, byteCount: running.sums.byteCount, domain: listing.domain.name,
        domainKind: ledger.domainKind(listing.id.number).label, age: Double(running.longest) / 1_000,
        waiting: (listing.domain as? any DeliveringDomain)?.waitingCount ?? 0, sites: running.sums.sorted(in: ledger))
    }
  }
}
