// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// One result of an audit or a scope: a fault or a note.
public struct Finding: Codable, Sendable, Equatable {
  /// What was found. Later versions may have more kinds, so a `switch` over them needs a `default`.
  public struct Kind: RawRepresentable, Hashable, Codable, Sendable, CaseIterable, CustomStringConvertible {
    /// A resource is live after the scope that should have released it, or at the end of its process. What a cache
    /// holds, and what is meant to live as long as the process, is left out.
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
    /// A resource has been live for longer than an age that was asked for. What a cache holds, and what is meant to
    /// live as long as the process, is left out. A note, not a fault.
    public static var old: Kind { Kind(.old) }
    /// A resource was live when its process ended without a regular exit. A note, not a fault.
    public static var live: Kind { Kind(.live) }

    /// The kinds of this version.
    public static var allCases: [Kind] { Code.allCases.map(Kind.init) }

    private enum Code: String, CaseIterable {
      case held, rescued, orphan, ghost, unsettled, uncounted, stuck, unrecorded, old, live
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
      case .rescued, .unsettled, .unrecorded, .old, .live: false
      case .held, .orphan, .ghost, .uncounted, .stuck: true
      }
    }

    /// What both books say, and what usually causes it. For `orphan` and `ghost`, this is the text for an arena;
    /// ``Finding/explanation`` has another text for any other domain.
    public var explanation: String {
      switch code {
      case .held: "live after the scope that should have released it: a live reference or a retain cycle"
      case .rescued: "released by deinit, never disposed: a forgotten dispose()"
      case .orphan: "the allocator has more than the ledger: memory allocated in the arena and never registered"
      case .ghost: "the ledger has more than the allocator: memory freed behind the library's back"
      case .unsettled: "the books differed each time they were compared, and moved meanwhile: audit again in quiet"
      case .uncounted: "the domain could not count itself: nothing to compare the ledger with"
      case .stuck: "a cleanup runs for too long, and those behind it wait: a cleanup that blocks"
      case .unrecorded: "created on lines that the ledger had no room to record: reports show (unknown):0 instead"
      case .old: "live for longer than the age that was asked for: a forgotten entry of a dictionary, or a cache"
      case .live:
        "live when the process ended without a regular exit: it could not release anything any more, so this is no leak"
      }
    }

    /// The same, said of a domain that is no arena.
    var explanationForDomain: String {
      switch code {
      case .orphan: "the domain has more than the ledger: resources made without a handle"
      case .ghost: "the ledger has more than the domain: resources released behind their handles' back"
      case .held, .rescued, .unsettled, .uncounted, .stuck, .unrecorded, .old, .live: explanation
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
  /// For `stuck`, cleanups that are due and wait for their turn; nil if the process was audited from outside.
  public let waiting: Int?
  /// The lines that created the resources, if they are known; most bytes first. A `ghost` names them only if every
  /// block of the size class, or every resource of the domain, is gone. Otherwise the books do not say which ones are
  /// gone; for a domain, ``DomainBooks/sites`` has the lines that created everything that the ledger has.
  public let sites: [SiteTotals]

  /// What both books say, and what usually causes it.
  public var explanation: String { domain == nil ? kind.explanation : kind.explanationForDomain }

  package init(
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

extension SiteSums {
  /// A finding about these resources; nil if there are none.
  /// - Parameter domain: the domain, if all are of one domain that is no arena; such a domain has no size classes.
  package func finding(_ kind: Finding.Kind, domain: DomainNumber? = nil, in ledger: Ledger) -> Finding? {
    guard count > 0 else { return nil }
    return Finding(
      kind: kind, count: count, byteCount: byteCount,
      sizeClass: domain == nil ? sizeClass : nil,
      domain: domain.map(ledger.domainName), domainKind: domain.map { ledger.domainKind($0).label },
      sites: sorted(in: ledger))
  }
}
