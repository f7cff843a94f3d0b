// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// The two books of a domain that counts itself and is no arena.
public struct DomainBooks: Codable, Sendable, Equatable {
  public let name: String
  /// What sort of domain it is: "file descriptors", "finalization registry", "custom", ….
  public let kind: String
  /// What the domain counts; nil if its census threw, or counts too many bytes for a comparison. If a book has more
  /// bytes than an `Int` can hold, the greater of the two numbers is shown as `Int.max`, and the lesser one as
  /// `Int.max` minus their difference.
  public let census: BookTotals?
  /// Why `census` is nil: the error that the census threw, or that it counts too many bytes.
  public let censusError: String?
  /// What the ledger has: entries with a resource behind them, and the bytes those were created with.
  public let ledger: BookTotals
  /// Whether bytes are compared, too: only if the census gave any.
  public let countsBytes: Bool
  /// Resources that one book has and the other does not. 0 if the books agree or cannot be compared.
  public let difference: Int
  /// The bytes by which the books differ; 0 if bytes are not compared.
  public let differenceByteCount: Int
  /// Whether the books did not change while they were compared. If they changed, a difference may come from resources
  /// that were just made or released.
  public let isSettled: Bool
  /// The lines that created what the ledger has, most bytes first; empty if there is no finding about this domain.
  public let sites: [SiteTotals]
}

extension DomainBooks {
  package init(
    name: String, kind: DomainKind, census: ExactCensus?, censusError: String? = nil, ledger: DomainSum,
    isSettled: Bool, sites: [SiteTotals] = []
  ) {
    self.name = name
    self.kind = kind.label
    let bytes = shown(census?.byteCount ?? ledger.byteCount, ledger.byteCount)
    self.census = census.map { BookTotals(count: $0.count, byteCount: bytes.census) }
    self.censusError = censusError
    self.ledger = BookTotals(count: ledger.count, byteCount: bytes.ledger)
    self.isSettled = isSettled
    self.sites = sites
    countsBytes = census.map { $0.byteCount != 0 } ?? false
    difference = census.map { distance(Int128($0.count), Int128(ledger.count)) } ?? 0
    differenceByteCount = countsBytes ? census.map { distance($0.byteCount, ledger.byteCount) } ?? 0 : 0
  }

  package func with(sites: [SiteTotals]) -> DomainBooks {
    DomainBooks(
      name: name, kind: kind, census: census, censusError: censusError, ledger: ledger, countsBytes: countsBytes,
      difference: difference, differenceByteCount: differenceByteCount, isSettled: isSettled, sites: sites)
  }

  /// The findings about this domain: none if the books agree.
  ///
  /// The two books are compared in resources and, if the census counts them, in bytes. What the domain has beyond the
  /// ledger is an orphan; what the ledger has beyond the domain is a ghost. There are both if one book has more
  /// resources and the other more bytes.
  package var findings: [Finding] {
    guard let census else { return [finding(.uncounted, ledger.count, ledger.byteCount, reason: censusError)] }
    guard difference > 0 || differenceByteCount > 0 else { return [] }
    guard isSettled else { return [finding(.unsettled, difference, differenceByteCount)] }
    let orphans = (census.count > ledger.count ? difference : 0, excess(census.byteCount, ledger.byteCount))
    let ghosts = (census.count < ledger.count ? difference : 0, excess(ledger.byteCount, census.byteCount))
    var findings: [Finding] = []
    if orphans != (0, 0) { findings.append(finding(.orphan, orphans.0, orphans.1)) }
    if ghosts != (0, 0) {
      let allAreGone = census.count == 0
      findings.append(
        finding(.ghost, ghosts.0, allAreGone ? ledger.byteCount : ghosts.1, sites: allAreGone ? sites : []))
    }
    return findings
  }

  private func excess(_ a: Int, _ b: Int) -> Int { countsBytes && a > b ? differenceByteCount : 0 }

  private func finding(
    _ kind: Finding.Kind, _ count: Int, _ byteCount: Int, reason: String? = nil, sites: [SiteTotals] = []
  ) -> Finding {
    Finding(
      kind: kind, count: count, byteCount: byteCount, domain: name, domainKind: self.kind, reason: reason,
      sites: sites)
  }
}

/// The distance between two numbers, at most `Int.max`.
private func distance(_ a: Int128, _ b: Int128) -> Int { Int(clamping: (a - b).magnitude) }

/// Two sums as `Int`s. If the greater sum is beyond `Int.max`, it becomes `Int.max`, and the lesser sum keeps its
/// distance from it, so that books that differ never look equal.
private func shown(_ census: Int128, _ ledger: Int128) -> (census: Int, ledger: Int) {
  let greatest = Int128(Int.max)
  let (less, more) = census < ledger ? (census, ledger) : (ledger, census)
  guard more > greatest, less < more else { return (Int(clamping: census), Int(clamping: ledger)) }
  let shownLess = Int(clamping: min(less, max(0, greatest - (more - less))))
  return census < ledger ? (shownLess, .max) : (.max, shownLess)
}
