// SPDX-License-Identifier: Apache-2.0

/// The result of an audit: both books of every arena and every other domain, what differs, and where the rest of the
/// memory is.
public struct AuditReport: Codable, Sendable {
  public let verdict: Verdict
  /// Faults first, then notes; among the faults, most bytes first.
  public let findings: [Finding]
  public let arenas: [ArenaBooks]
  /// The domains that count themselves and are no arenas, in the order in which they were listed.
  public let domains: [DomainBooks]
  /// Memory that buffers adopted. It is in one book only, so it cannot be audited.
  public let adopted: AdoptedTotals
  public let outside: OutsideMemory
  /// What is live, by the line of code that created it, counted while the books were compared.
  public let live: LiveUsage

  package init(
    verdict: Verdict, findings: [Finding], arenas: [ArenaBooks], domains: [DomainBooks] = [],
    adopted: AdoptedTotals, outside: OutsideMemory, live: LiveUsage = .none
  ) {
    self.verdict = verdict
    self.findings = findings
    self.arenas = arenas
    self.domains = domains
    self.adopted = adopted
    self.outside = outside
    self.live = live
  }

  /// The lines that hold most bytes now, whether that is a leak or not.
  /// - Parameter top: how many; all if there are fewer.
  public func liveSites(top: Int = .max) -> [SiteTotals] { live.sites(top: top) }

  /// Reads a report, even if it was encoded before reports had domains, or what is live.
  /// - Throws: `DecodingError`, also if the verdict does not follow from the findings.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let findings = try values.decode([Finding].self, forKey: .findings)
    self.init(
      verdict: try Verdict(of: findings, from: values, forKey: .verdict),
      findings: findings,
      arenas: try values.decode([ArenaBooks].self, forKey: .arenas),
      domains: try values.decodeIfPresent([DomainBooks].self, forKey: .domains) ?? [],
      adopted: try values.decode(AdoptedTotals.self, forKey: .adopted),
      outside: try values.decode(OutsideMemory.self, forKey: .outside),
      live: try values.decodeIfPresent(LiveUsage.self, forKey: .live) ?? .none)
  }

  /// Live resources of a domain without a census.
  public struct AdoptedTotals: Codable, Sendable, Equatable {
    public let count: Int
    public let byteCount: Int

    package init(count: Int, byteCount: Int) {
      self.count = count
      self.byteCount = byteCount
    }
  }

  /// Memory of the process that is not in this library's arenas, in bytes.
  public struct OutsideMemory: Codable, Sendable, Equatable {
    /// The name of the file whose `malloc` the process calls, as "libc.so.6" or "libjemalloc.so.2".
    public let malloc: String
    /// Allocated with malloc anywhere in the process, without this library's arenas. Nil if that `malloc` cannot be
    /// asked, because it is neither glibc's nor jemalloc's, or another thread is asking it for the first time. glibc is
    /// asked at most ten times a second, so the number may be a little old.
    public let allocated: Int?
    /// jemalloc's own structures, of all arenas.
    public let metadata: Int
    /// The whole process's resident set, from `/proc/self/statm`; 0 if that cannot be read.
    public let residentSet: Int

    package init(malloc: String, allocated: Int?, metadata: Int, residentSet: Int) {
      self.malloc = malloc
      self.allocated = allocated
      self.metadata = metadata
      self.residentSet = residentSet
    }
  }
}
