import NativeSynchronization
import ResourceLedger

/// Cleanups that have run for too long: they keep those behind them from running.
struct StuckCleanups {
  /// Of one registry.
  private struct Running {
    var sums = SiteSums()
    var longest = 0
  }

  /// One pass over the ledger where a cleanup is under way in one of the given registries, and none elsewhere.
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
      // Of this registration only where it is not over yet. What a thread of the parent was running does not run here.
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
