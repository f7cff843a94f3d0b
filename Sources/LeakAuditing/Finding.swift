import ResourceLedger

/// One thing that an audit or a scope has to say.
public struct Finding: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// Live after the scope that should have released it.
    case held
    /// Released by deinit, never disposed. A note, not a fault.
    case rescued
    /// The allocator has more than the ledger.
    case orphan
    /// The ledger has more than the allocator.
    case ghost

    /// Whether it makes the verdict ``Verdict/faults``.
    public var isFault: Bool { self != .rescued }

    /// What both books say, and what usually causes it.
    public var explanation: String {
      switch self {
      case .held: "live after the scope that should have released it: a live reference or a retain cycle"
      case .rescued: "released by deinit, never disposed: a forgotten dispose()"
      case .orphan: "the allocator has more than the ledger: memory allocated in the arena and never registered"
      case .ghost: "the ledger has more than the allocator: memory freed behind the library's back"
      }
    }
  }

  public let kind: Kind
  /// Resources concerned.
  public let count: Int
  /// Their bytes: as asked for where sites are known, as size classes for `orphan` and `ghost`.
  public let byteCount: Int
  /// Bytes of the size class, where all are of one class.
  public let sizeClass: Int?
  /// The arena, where all are of one.
  public let arena: String?
  /// The lines that created them, where known; most bytes first. A `ghost` names them only where every
  /// block of the size class is gone: otherwise the books do not say which ones are.
  public let sites: [SiteTotals]
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
  /// Notes only: `rescued`.
  case notes
  /// At least one fault: `held`, `orphan` or `ghost`.
  case faults

  public init(_ findings: [Finding]) {
    self = findings.contains { $0.kind.isFault } ? .faults : findings.isEmpty ? .clean : .notes
  }
}

/// Adds up resources by the line that created them.
struct SiteSums {
  private var sums: [SiteID: (count: Int, byteCount: Int)] = [:]
  private var capacities: Set<Int> = []

  /// - Parameter capacity: bytes of the size class, where known.
  mutating func add(_ count: Int = 1, byteCount: Int, capacity: Int? = nil, at site: SiteID) {
    if let capacity { capacities.insert(capacity) }
    sums[site, default: (0, 0)].count += count
    sums[site, default: (0, 0)].byteCount += byteCount
  }

  var count: Int { sums.values.reduce(0) { $0 + $1.count } }
  var byteCount: Int { sums.values.reduce(0) { $0 + $1.byteCount } }

  /// Most bytes first; ties by count, then by place, so that the order is the same each time.
  func sorted(in ledger: Ledger) -> [SiteTotals] {
    sums
      .map { (ledger.site($0.key), $0.value) }
      .sorted { ($1.1.byteCount, $1.1.count, $0.0) < ($0.1.byteCount, $0.1.count, $1.0) }
      .map { site, sum in
        SiteTotals(
          file: site.file, line: site.line, function: site.function, count: sum.count, byteCount: sum.byteCount)
      }
  }

  func finding(_ kind: Finding.Kind, in ledger: Ledger) -> Finding? {
    guard count > 0 else { return nil }
    return Finding(
      kind: kind, count: count, byteCount: byteCount, sizeClass: capacities.count == 1 ? capacities.first : nil,
      arena: nil, sites: sorted(in: ledger))
  }
}
