import Glibc
import ResourceLedger

/// Compares the census of every listed domain with its ledger entries.
///
/// A first look costs no pass over the ledger of its own: a census before and one after the pass that the
/// arenas need anyway. A domain whose two censuses and whose entries are equal is done. The others are
/// looked at again:
///
/// - The ledger is read once for all of them, to find their entries. Reading a domain's entries alone then
///   takes microseconds, between two censuses, or with a steady domain's books held.
/// - A steady domain that still differs after two looks is read whole with its books held: what that finds is
///   exact.
/// - Any other is looked at six times, over about 30 ms: a thread may just be between making a resource and
///   booking it. A difference counts as settled where no book moved from the first look to the last, no
///   entry ended its life and none began one.
struct DomainComparison {
  private struct Subject {
    let id: DomainNumber
    let domain: any ResourceDomain
    let steady: (any SteadyDomain)?
    var observed: Observation?
    /// Whether a later observation was another one than the first.
    var moved = false
  }

  private struct Observation: Equatable {
    let census: ExactCensus
    let sum: DomainSum

    /// Equal in resources, and in bytes where the census counts any.
    var agrees: Bool {
      census.count == sum.count && (census.byteCount == 0 || census.byteCount == sum.byteCount)
    }
  }

  private enum Outcome {
    /// Nothing more to find out: the last observation is what there is to say.
    case settled(Observation)
    /// The books differ, and may move.
    case open(Observation)
    /// With what the ledger has.
    case failed(any Error, DomainSum)
  }

  private static var pauses: [UInt32] { [0, 1_000, 2_000, 4_000, 8_000, 16_000] }
  private static let heldLook = 2

  private let ledger: Ledger
  let listings: [ResourceDomains.Listing]
  private let firstCensuses: [Result<ExactCensus, any Error>]

  /// Takes the first censuses. Under no lock.
  init(_ ledger: Ledger) {
    self.ledger = ledger
    // Domains that share a number cannot be told apart in the ledger: they are in one book only.
    listings = ResourceDomains.all.filter { !$0.sharesID }
    firstCensuses = listings.map { listing in Result { try Self.census(of: listing.domain) } }
  }

  /// With exact bytes where the domain has them.
  private static func census(of domain: any ResourceDomain) throws -> ExactCensus {
    if let steady = domain as? any SteadyDomain { return steady.withBooksHeld { $0 } }
    return ExactCensus(try domain.census())
  }

  /// What ``finish(with:)`` needs the totals of.
  var ids: [DomainNumber] { listings.map(\.id.number) }

  /// - Parameter totals: of ``ids``, read since the first censuses.
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
    return withSites(listed(books))
  }

  private func look(at subject: inout Subject, number: Int, entries: [UInt32]) -> Outcome {
    let observation: Observation
    if let steady = subject.steady {
      let ledger = ledger
      let id = subject.id
      let isLast = number >= Self.heldLook
      observation = steady.withBooksHeld { census in
        // No allocation here: no other lock may be taken.
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

  /// Tries a few times at once: what one thread has on its way is often through a moment later.
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

  /// Without the domains that are no longer listed: their numbers may have been others' while they were compared.
  private func listed(_ books: [DomainBooks?]) -> [DomainBooks?] {
    var numbers: [ObjectIdentifier: DomainID] = [:]
    // Identifiers of objects that `listings` keeps alive.
    for listing in ResourceDomains.all { numbers[ObjectIdentifier(listing.domain)] = listing.id }
    return zip(listings, books).map { listing, books in
      numbers[ObjectIdentifier(listing.domain)] == listing.id ? books : nil
    }
  }

  /// Adds the lines of what is booked where books differ: one pass over the ledger for all, and none where
  /// there is nothing to say.
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
