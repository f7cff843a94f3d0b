import ResourceLedger

/// One thing that an audit or a scope has to say.
public struct Finding: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// Live after the scope that should have released it.
    case held
    /// Released by deinit, never disposed. A note, not a fault.
    case rescued
    /// The allocator, or another domain's census, has more than the ledger.
    case orphan
    /// The ledger has more than the allocator, or another domain's census.
    case ghost
    /// A domain's books differed each time they were compared, and moved meanwhile. A note, not a fault.
    case unsettled
    /// A domain's census threw, so that there is nothing to compare the ledger with.
    case uncounted
    /// A cleanup of a registry has run for too long; those behind it wait.
    case stuck
    /// Created on a line that the ledger had no room to record. A note, not a fault.
    case unrecorded

    /// Whether it makes the verdict ``Verdict/faults``.
    public var isFault: Bool { self != .rescued && self != .unsettled && self != .unrecorded }

    /// What both books say, and what usually causes it; of an arena where it makes a difference.
    public var explanation: String {
      switch self {
      case .held: "live after the scope that should have released it: a live reference or a retain cycle"
      case .rescued: "released by deinit, never disposed: a forgotten dispose()"
      case .orphan: "the allocator has more than the ledger: memory allocated in the arena and never registered"
      case .ghost: "the ledger has more than the allocator: memory freed behind the library's back"
      case .unsettled: "the books differed each time they were compared, and moved meanwhile: audit again in quiet"
      case .uncounted: "the domain could not count itself: nothing to compare the ledger with"
      case .stuck: "a cleanup runs for too long, and those behind it wait: a cleanup that blocks"
      case .unrecorded: "created on lines that the ledger had no room to record: reports say (unknown):0 of them"
      }
    }

    /// The same about a domain that is no arena.
    var explanationForDomain: String {
      switch self {
      case .orphan: "the domain has more than the ledger: resources made without a handle"
      case .ghost: "the ledger has more than the domain: resources released behind their handles' back"
      case .held, .rescued, .unsettled, .uncounted, .stuck, .unrecorded: explanation
      }
    }
  }

  public let kind: Kind
  /// Resources concerned. 0 for an `orphan` or `ghost` where one book has more bytes and no more resources.
  public let count: Int
  /// Their bytes: as asked for where sites are known, as size classes for `orphan` and `ghost` of an arena. Of
  /// another domain: what one book has beyond the other, 0 where the census counts no bytes.
  public let byteCount: Int
  /// Bytes of the size class, where all are of one class.
  public let sizeClass: Int?
  /// The arena, where all are of one.
  public let arena: String?
  /// The domain, where all are of one that is no arena.
  public let domain: String?
  /// What sort of domain that is: "file descriptors", "finalization registry", "custom", ….
  public let domainKind: String?
  /// What the census threw, for `uncounted`; how many lines there is room for, for `unrecorded`.
  public let reason: String?
  /// Seconds since the longest running cleanup began, or the first of at most 16 in a row that it is one of, for
  /// `stuck`.
  public let age: Double?
  /// Cleanups that are due and wait for their turn, for `stuck`.
  public let waiting: Int?
  /// The lines that created them, where known; most bytes first. A `ghost` names them only where every
  /// block of the size class, or every resource of the domain, is gone: otherwise the books do not say
  /// which ones are, and ``DomainBooks/sites`` has the lines of all that are booked.
  public let sites: [SiteTotals]

  /// What both books say, and what usually causes it.
  public var explanation: String { domain == nil ? kind.explanation : kind.explanationForDomain }

  init(
    kind: Kind, count: Int, byteCount: Int, sizeClass: Int? = nil, arena: String? = nil, domain: String? = nil,
    domainKind: String? = nil, reason: String? = nil, age: Double? = nil, waiting: Int? = nil,
    sites: [SiteTotals] = []
  ) {
    self.kind = kind
    self.count = count
    self.byteCount = byteCount
    self.sizeClass = sizeClass
    self.arena = arena
    self.domain = domain
    self.domainKind = domainKind
    self.reason = reason
    self.age = age
    self.waiting = waiting
    self.sites = sites
  }
}

/// What one line of code accounts for.
public struct SiteTotals: Codable, Sendable, Equatable {
  public let file: String
  public let line: Int
  public let function: String
  public let count: Int
  /// Bytes asked for.
  public let byteCount: Int
}

/// What an audit comes to.
public enum Verdict: String, Codable, Sendable {
  /// Nothing to say.
  case clean
  /// Notes only: `rescued`, `unsettled`, `unrecorded`.
  case notes
  /// At least one fault: `held`, `orphan`, `ghost`, `uncounted` or `stuck`.
  case faults

  public init(_ findings: [Finding]) {
    self = findings.contains { $0.kind.isFault } ? .faults : findings.isEmpty ? .clean : .notes
  }

  /// Reads the verdict of a report, which must be the one that its findings make: a file that was cut or changed is not to
  /// say "clean" above a fault.
  init<Key: CodingKey>(of findings: [Finding], from values: KeyedDecodingContainer<Key>, forKey key: Key) throws {
    let own = Verdict(findings)
    self = try values.decode(Verdict.self, forKey: key)
    guard self == own else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: values,
        debugDescription: "the verdict is \"\(rawValue)\", but the findings of the report make it \"\(own.rawValue)\"")
    }
  }
}

/// Adds up resources by the line that created them.
struct SiteSums {
  /// Exact, whatever clients said: what is shown of them saturates.
  private var sums: [SiteID: (count: Int128, byteCount: Int128)] = [:]
  private var capacities: Set<Int> = []

  /// - Parameter capacity: bytes of the size class, where known.
  mutating func add(_ count: Int = 1, byteCount: Int128, capacity: Int? = nil, at site: SiteID) {
    if let capacity { capacities.insert(capacity) }
    sums[site, default: (0, 0)].count += Int128(count)
    sums[site, default: (0, 0)].byteCount += byteCount
  }

  mutating func add(_ entry: EntrySnapshot, capacity: Int? = nil) {
    add(byteCount: Int128(entry.byteCount), capacity: capacity, at: entry.site)
  }

  var count: Int { Int(clamping: sums.values.reduce(0) { $0 + $1.count }) }
  var byteCount: Int { Int(clamping: sums.values.reduce(0) { $0 + $1.byteCount }) }

  /// Most bytes first; ties by count, then by place, so that the order is the same each time.
  func sorted(in ledger: Ledger) -> [SiteTotals] {
    sums
      .map { (ledger.site($0.key), $0.value) }
      .sorted { ($1.1.byteCount, $1.1.count, $0.0) < ($0.1.byteCount, $0.1.count, $1.0) }
      .map { site, sum in
        SiteTotals(
          file: site.file, line: site.line, function: site.function, count: Int(clamping: sum.count),
          byteCount: Int(clamping: sum.byteCount))
      }
  }

  /// - Parameter domain: one that is no arena; it has no size classes.
  func finding(_ kind: Finding.Kind, domain: DomainNumber? = nil, in ledger: Ledger) -> Finding? {
    guard count > 0 else { return nil }
    return Finding(
      kind: kind, count: count, byteCount: byteCount,
      sizeClass: domain == nil && capacities.count == 1 ? capacities.first : nil,
      domain: domain.map(ledger.domainName), domainKind: domain.map { ledger.domainKind($0).label },
      sites: sorted(in: ledger))
  }
}
