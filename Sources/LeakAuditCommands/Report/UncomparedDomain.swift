// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

/// A domain that is no arena, in a report from outside. Only its process can ask it to count itself, so its books are
/// not compared: its last count is of another moment than what the ledger has.
package struct UncomparedDomain: Encodable, Equatable, Sendable {
  package let name: String
  /// What sort of domain it is: "file descriptors", "finalization registry", "custom", ….
  package let kind: String
  /// What the ledger has live.
  package let liveCount: Int
  /// The domain's own count when its process audited it last; nil if it never did.
  package let census: Int?
  /// How many seconds before the ledger was read, or before the process ended, that was.
  package let censusAge: Int?

  /// What the ledger has more or less than the last count.
  private var difference: UInt128 { census.map { (Int128(liveCount) - Int128($0)).magnitude } ?? 0 }

  /// A sentence that says that they were not compared, and a line for each domain; nothing if there are no domains.
  /// - Parameter top: how many domains are shown, those first whose numbers differ most.
  static func textLines(_ domains: [UncomparedDomain], isRunning: Bool?, top: Int, width: Int?) -> [String] {
    guard !domains.isEmpty else { return [] }
    let heading =
      "other domains: not compared, because only the process itself can ask them for their counts, by an audit of its "
      + "own."
    let shown = domains.sorted { $0.difference > $1.difference }.prefix(top)
    let rest = domains.count - shown.count
    return heading.wrapped(to: width, indent: 0)
      + shown.flatMap { $0.text(isRunning).wrapped(to: width, indent: 2) }
      + (rest > 0
        ? "… and \(rest.counted("more domain")); --top \(domains.count) shows all of them".wrapped(to: width, indent: 2)
        : [])
  }

  /// ""file descriptors": 3 live in the ledger; its own count was 5, taken 12 s ago".
  private func text(_ isRunning: Bool?) -> String {
    // The kind says no more than the name does, if they are the same.
    let title = "\"\(name)\"" + (name == kind ? "" : " (\(kind))")
    let live = "\(liveCount.grouped) live in the ledger"
    guard let census, let censusAge else { return "\(title): \(live); it has not counted itself" }
    let when = "\(Age.text(seconds: censusAge)) \(isRunning == false ? "before the end" : "ago")"
    return "\(title): \(live); its own count was \(census.grouped), taken \(when)"
  }
}

extension LedgerSnapshot {
  /// The domains that are no arenas, by number, without those that have nothing live and have not counted themselves.
  package var uncomparedDomains: [UncomparedDomain] {
    var counts = [Int](repeating: 0, count: domains.count)
    for sum in sums where sum.use.isHeld { counts[sum.domain] = .clampedSum(counts[sum.domain], sum.count) }
    return zip(domains, counts).compactMap { domain, count in
      // The domain with number 0 stands for resources without a domain, which nothing counts.
      guard domain.number != 0, !domain.kind.isOfBuffers, domain.isInUse || count > 0,
        count > 0 || domain.census != nil
      else { return nil }
      return UncomparedDomain(
        name: domain.name, kind: domain.kind.label, liveCount: count, census: domain.census?.count,
        censusAge: domain.census.map { age(ofSecond: $0.second) })
    }
  }
}
