// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// One result of an audit or a scope: a fault or a note.
public struct Finding: Codable, Sendable, Equatable {
  /// What was found. Later versions may have more kinds, so a `switch` over them needs a `default`.
  public struct Kind: RawRepresentable, Hashable, Codable, Sendable, CaseIterable, CustomStringConvertible {
    /// A resource is live after the scope that should have released it.
    public static var held: Kind { Kind(.held) }
    /// A resource was released by deinit and never disposed. A note, not a fault.
    public static var rescued: Kind { Kind(.rescued) }
    /// The allocator, or another domain's census, has more than the ledger.
    public static var orphan: Kind { Kind(.orphan) }
    /// The ledger has more than the allocator, or another domain's census.
    public static var ghost: Kind { Kind(.ghost) }
    /// A domain's books differed each time they were compared, and changed meanwhile. A note, not a fault.
    public static var unsettled: Kind { Kind(.unsettled) }
    /// A domain's census threw, so that there is nothing to compare the ledger with.
    public static var uncounted: Kind { Kind(.uncounted) }
    /// A cleanup of a registry has run for too long; the cleanups behind it wait.
    public static var stuck: Kind { Kind(.stuck) }
    /// A resource was created on a line that the ledger had no room to record. A note, not a fault.
    public static var unrecorded: Kind { Kind(.unrecorded) }

    /// The kinds of this version.
    public static var allCases: [Kind] { Code.allCases.map(Kind.init) }

    private enum Code: String, CaseIterable {
      case held, rescued, orphan, ghost, unsettled, uncounted, stuck, unrecorded
    }

    private let code: Code

    private init(_ code: Code) { self.code = code }

    /// Makes the kind of this name; nil if this version has none. A report that has such a finding cannot be decoded.
    public init?(rawValue: String) {
      guard let code = Code(rawValue: rawValue) else { return nil }
      self.code = code
    }

    /// Its name, as "held". Reports in JSON have it.
    public var rawValue: String { code.rawValue }

    public var description: String { rawValue }

    /// Whether it makes the verdict ``Verdict/faults``.
    public var isFault: Bool {
      switch code {
      case .rescued, .unsettled, .unrecorded: false
      case .held, .orphan, .ghost, .uncounted, .stuck: true
      }
    }

    /// What both books say, and what usually causes it. If arenas and other domains differ in this, it is said of an
    /// arena.
    public var explanation: String {
      switch code {
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

    /// The same, said of a domain that is no arena.
    var explanationForDomain: String {
      switch code {
      case .orphan: "the domain has more than the ledger: resources made without a handle"
      case .ghost: "the ledger has more than the domain: resources released behind their handles' back"
      case .held, .rescued, .unsettled, .uncounted, .stuck, .unrecorded: explanation
      }
    }
  }

  public let kind: Kind
  /// The resources concerned. 0 for an `orphan` or `ghost` if one book has more bytes but not more resources.
  public let count: Int
  /// Their bytes: as asked for if sites are known; as size classes for `orphan` and `ghost` of an arena. For `orphan`
  /// and `ghost` of another domain, the bytes that one book has beyond the other; 0 if the census counts no bytes.
  public let byteCount: Int
  /// Bytes of the size class, if all are of one class.
  public let sizeClass: Int?
  /// The arena, if all are of one arena.
  public let arena: String?
  /// The domain, if all are of one domain that is no arena.
  public let domain: String?
  /// What sort of domain that is: "file descriptors", "finalization registry", "custom", ….
  public let domainKind: String?
  /// For `uncounted`, why there is no census to compare; for `unrecorded`, how many lines are recorded.
  public let reason: String?
  /// For `stuck`, seconds since the longest-running cleanup began; or, if it is one of several in a row, since the
  /// first of at most 16 of them began.
  public let age: Double?
  /// For `stuck`, cleanups that are due and wait for their turn.
  public let waiting: Int?
  /// The lines that created the resources, if they are known; most bytes first. A `ghost` names them only if every
  /// block of the size class, or every resource of the domain, is gone. Otherwise the books do not say which ones are
  /// gone; for a domain, ``DomainBooks/sites`` has the lines that created everything that the ledger has.
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

/// The resources that one line of code created.
public struct SiteTotals: Codable, Sendable, Equatable {
  public let file: String
  public let line: Int
  public let function: String
  public let count: Int
  /// Bytes asked for.
  public let byteCount: Int
}

/// The result of an audit or a scope, in one word.
public enum Verdict: String, Codable, Sendable {
  /// There are no findings.
  case clean
  /// Notes only: `rescued`, `unsettled`, `unrecorded`.
  case notes
  /// At least one fault: `held`, `orphan`, `ghost`, `uncounted` or `stuck`.
  case faults

  public init(_ findings: [Finding]) {
    self = findings.contains { $0.kind.isFault } ? .faults : findings.isEmpty ? .clean : .notes
  }

  /// Reads the verdict of a report.
  /// - Throws: `DecodingError` if it is not the verdict that the findings make, so that a file that was cut or changed
  ///   does not say "clean" above a fault.
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
  /// Exact, even if clients gave very large byte counts. Only the numbers that are shown saturate.
  private var sums: [SiteID: (count: Int128, byteCount: Int128)] = [:]
  private var capacities: Set<Int> = []

  /// - Parameter capacity: bytes of the size class, if known.
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

  /// Most bytes first; then by count, and then by site, so that the order is always the same.
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

  /// - Parameter domain: the domain, if all are of one domain that is no arena; such a domain has no size classes.
  func finding(_ kind: Finding.Kind, domain: DomainNumber? = nil, in ledger: Ledger) -> Finding? {
    guard count > 0 else { return nil }
    return Finding(
      kind: kind, count: count, byteCount: byteCount,
      sizeClass: domain == nil && capacities.count == 1 ? capacities.first : nil,
      domain: domain.map(ledger.domainName), domainKind: domain.map { ledger.domainKind($0).label },
      sites: sorted(in: ledger))
  }
}
