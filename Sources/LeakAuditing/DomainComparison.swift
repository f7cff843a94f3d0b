// SPDX-License-Identifier: Apache-2.0

import Glibc
import LedgerReading
import ResourceLedger

/// Compares the census of every listed domain with its ledger entries.
///
/// The first look needs no pass over the ledger of its own: it takes one census before and one census after the pass
/// that the arenas need anyway. If a domain's two censuses and its entries are equal, the domain is done. The others
/// are looked at again:
///
/// - Each further look reads the ledger once for all of them, to find their entries. After that, reading only a
///   domain's entries takes microseconds; this happens between two censuses, or while a steady domain's books are held.
/// - If a steady domain still differs after two of these looks, the third reads the whole ledger while the domain's
///   books are held. Its result is exact.
/// - Any other domain is looked at six times, over about 30 ms, because a thread may just have made a resource and not
///   yet recorded it. A difference counts as settled if from the first look to the last neither book changed, and no
///   entry began or ended a life.
struct DomainComparison {
  private struct Subject {
    let id: DomainNumber
    let domain: any ResourceDomain
    let steady: (any SteadyDomain)?
    var observed: Observation?
    /// Whether a later observation differed from the first.
    var moved = false
  }

  private struct Observation: Equatable {
    let census: ExactCensus
    let sum: DomainSum

    /// Whether both books have as many resources, and as many bytes if the census counts any.
    var agrees: Bool {
      census.count == sum.count && (census.byteCount == 0 || census.byteCount == sum.byteCount)
    }
  }

  private enum Outcome {
    /// The observation is final.
    case settled(Observation)
    /// The books differ, and may change.
    case open(Observation)
    /// The census threw; the sum says what the ledger has.
    case failed(any Error, DomainSum)
  }

  /// Microseconds to wait before each look.
  private static var pauses: [UInt32] { [0, 1_000, 2_000, 4_000, 8_000, 16_000] }
  /// The number, from 0, of the look that reads the whole ledger while a steady domain's books are held.
  private static var heldLook: Int { 2 }

  private let ledger: Ledger
  let listings: [ResourceDomains.Listing]
  private let firstCensuses: [Result<ExactCensus, any Error>]

  /// Takes the first censuses. The caller holds no lock.
  init(_ ledger: Ledger) {
    self.ledger = ledger
    // Domains that share a number cannot be told apart in the ledger, so they cannot be compared with it.
    listings = ResourceDomains.all.filter { !$0.sharesID }
    firstCensuses = listings.map { listing in Result { try Self.census(of: listing.domain) } }
  }

  /// Takes a census, with exact bytes if the domain has them.
  private static func census(of domain: any ResourceDomain) throws -> ExactCensus {
    if let steady = domain as? any SteadyDomain { return steady.withBooksHeld { $0 } }
    return ExactCensus(try domain.census())
  }

  /// The domains whose totals ``finish(with:)`` needs.
  var ids: [DomainNumber] { listings.map(\.id.number) }

  /// Takes the second censuses, and looks again at the domains that differ.
  /// - Parameter totals: the totals of ``ids``, read after the first censuses.
  func finish(with totals: [EntryTotals]) -> (books: [DomainBooks], findings: [Finding]) {
    var books = [DomainBooks?](repeating: nil, count: listings.count)
    var open: [Int: Subject] = [:]
    for (index, listing) in listings.enumerated() {
      let sum = DomainSum(totals[index])
      do {
        let census = try Self.census(of: listing.domain)
        let observation = Observation(census: census, sum: sum)
        if observation.agrees, try firstCensuses[index].get() == census {
          books[index] = self.books(listing, .settled(observation))
        } else {
          open[index] = Subject(
            id: listing.id.number, domain: listing.domain, steady: listing.domain as? any SteadyDomain)
        }
      } catch {
        books[index] = self.books(listing, .failed(error, sum))
      }
    }
    for (look, pause) in Self.pauses.enumerated() where !open.isEmpty {
      usleep(pause)
      let order = open.keys.sorted()
      let indices = ledger.entryIndices(of: order.map { listings[$0].id.number })
      for (position, index) in order.enumerated() {
        guard var subject = open[index] else { continue }
        let outcome = self.look(at: &subject, number: look, entries: indices[position])
        open[index] = subject
        if case .open = outcome, look < Self.pauses.count - 1 { continue }
        open[index] = nil
        books[index] = self.books(listings[index], outcome, moved: subject.moved)
      }
    }
    let listed = listed(books)
    record(listed)
    return withSites(listed)
  }

  /// Writes the censuses into the ledger, for readers that are other processes.
  private func record(_ books: [DomainBooks?]) {
    for case (let listing, let books?) in zip(listings, books) {
      guard let census = books.census else { continue }
      ledger.recordCensus(Census(count: census.count, byteCount: census.byteCount), of: listing.id)
    }
  }

  private func look(at subject: inout Subject, number: Int, entries: [UInt32]) -> Outcome {
    let observation: Observation
    if let steady = subject.steady {
      let ledger = ledger
      let id = subject.id
      let isLast = number >= Self.heldLook
      observation = steady.withBooksHeld { census in
        // Nothing may be allocated here, because no other lock may be taken.
        Observation(census: census, sum: isLast ? ledger.sum(of: id) : ledger.sum(of: id, at: entries))
      }
      return observation.agrees || isLast ? .settled(observation) : .open(observation)
    }
    do {
      observation = try lookBetweenCensuses(subject, entries)
    } catch {
      return .failed(error, ledger.sum(of: subject.id, at: entries))
    }
    if observation.agrees { return .settled(observation) }
    if let first = subject.observed, first != observation { subject.moved = true }
    if subject.observed == nil { subject.observed = observation }
    return .open(observation)
  }

  /// Tries a few times without a pause, because a thread often finishes what it is recording a moment later.
  private func lookBetweenCensuses(_ subject: Subject, _ entries: [UInt32]) throws -> Observation {
    var census = try Self.census(of: subject.domain)
    var sum = ledger.sum(of: subject.id, at: entries)
    for _ in 0..<3 {
      let later = try Self.census(of: subject.domain)
      let observation = Observation(census: later, sum: sum)
      if later == census, observation.agrees { return observation }
      census = later
      sum = ledger.sum(of: subject.id, at: entries)
    }
    return Observation(census: census, sum: sum)
  }

  private func books(_ listing: ResourceDomains.Listing, _ outcome: Outcome, moved: Bool = false) -> DomainBooks {
    let kind = ledger.domainKind(listing.id.number)
    let name = listing.domain.name
    return switch outcome {
    case .settled(let observation) where isBeyondCensus(observation, listing),
      .open(let observation) where isBeyondCensus(observation, listing):
      DomainBooks(
        name: name, kind: kind, census: nil, censusError: Self.beyondCensus, ledger: observation.sum, isSettled: true)
    case .settled(let observation):
      DomainBooks(name: name, kind: kind, census: observation.census, ledger: observation.sum, isSettled: true)
    case .open(let observation):
      DomainBooks(name: name, kind: kind, census: observation.census, ledger: observation.sum, isSettled: !moved)
    case .failed(let error, let sum):
      DomainBooks(name: name, kind: kind, census: nil, censusError: "\(error)", ledger: sum, isSettled: true)
    }
  }

  private static var beyondCensus: String {
    "the census gives \(Int.max.grouped) bytes, the most that it can say, and the ledger has no less: they may differ"
  }

  private func isBeyondCensus(_ observation: Observation, _ listing: ResourceDomains.Listing) -> Bool {
    let most = Int128(Int.max)
    guard observation.census.byteCount == most, observation.sum.byteCount >= most else { return false }
    return !(listing.domain is any SteadyDomain)
  }

  /// Leaves out the domains that are no longer listed: while they were compared, other domains may have had their
  /// numbers.
  private func listed(_ books: [DomainBooks?]) -> [DomainBooks?] {
    var numbers: [ObjectIdentifier: DomainID] = [:]
    // `listings` keeps its domains alive, so no other object can have their identifiers.
    for listing in ResourceDomains.all { numbers[ObjectIdentifier(listing.domain)] = listing.id }
    return zip(listings, books).map { listing, books in
      numbers[ObjectIdentifier(listing.domain)] == listing.id ? books : nil
    }
  }

  /// Adds to the books with findings the lines that created what the ledger has. It takes one pass over the ledger for
  /// all of them, and none if there are no findings.
  private func withSites(_ books: [DomainBooks?]) -> (books: [DomainBooks], findings: [Finding]) {
    var sums: [DomainNumber: SiteSums] = [:]
    for case (let listing, let books?) in zip(listings, books) where !books.findings.isEmpty {
      sums[listing.id.number] = SiteSums()
    }
    if !sums.isEmpty {
      ledger.forEachResource { _, entry in
        guard let index = sums.index(forKey: entry.domain) else { return }
        sums.values[index].add(entry)
      }
    }
    let complete = zip(listings, books).compactMap { listing, books in
      books.map { books in sums[listing.id.number].map { books.with(sites: $0.sorted(in: ledger)) } ?? books }
    }
    return (complete, complete.flatMap(\.findings))
  }
}

extension DomainSum {
  init(_ totals: EntryTotals) {
    self.init()
    count = totals.count
    byteCount = totals.byteCount
  }
}
