import ResourceLedger

/// What a scope left behind.
public struct ScopeReport: Codable, Sendable {
  public let name: String
  public let verdict: Verdict
  /// `held`: created in the scope and live at its end, buffers first, then by domain. `rescued`: created in
  /// it, and released undisposed.
  public let findings: [Finding]
}

extension ScopeReport {
  /// Reads a report.
  /// - Throws: `DecodingError`, also where the verdict does not follow from the findings.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    name = try values.decode(String.self, forKey: .name)
    findings = try values.decode([Finding].self, forKey: .findings)
    verdict = try Verdict(of: findings, from: values, forKey: .verdict)
  }
}

extension LeakAuditor {
  /// Runs a closure and reports what it created, on this thread or in its child tasks, and left live.
  ///
  /// Scopes nest; an inner scope's resources belong to the outer one too. What a detached task, or a thread
  /// that the closure starts by other means, creates is not counted. A buffer that the closure returns is
  /// live, and reported as held. The count is exact while other threads allocate and dispose.
  ///
  /// Buffers are one finding; native resources, file descriptors and a registry's registrations are one for
  /// each domain, with its name. A registration whose target is gone stays live until its cleanup ran:
  /// flush or drain its registry inside the closure.
  /// - Returns: the closure's value and the report.
  /// - Throws: what the closure throws; then there is no report.
  /// - Complexity: 64 bytes read per ledger entry at the end. While any scope is open in the process,
  ///   creating a buffer costs about 20 ns more.
  public static func scope<R>(_ name: String, _ body: () throws -> R) rethrows -> (value: R, report: ScopeReport) {
    let scope = ScopeTracking.open()
    let value: R
    do {
      value = try ScopeTracking.with(scope, body)
    } catch {
      _ = ScopeTracking.close(scope)
      throw error
    }
    return (value, report(name, closing: scope))
  }

  /// As the synchronous one, for a closure that suspends.
  public static func scope<R>(
    _ name: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
  ) async rethrows -> (value: R, report: ScopeReport) {
    let scope = ScopeTracking.open()
    let value: R
    do {
      value = try await ScopeTracking.with(scope, isolation: isolation, body)
    } catch {
      _ = ScopeTracking.close(scope)
      throw error
    }
    return (value, report(name, closing: scope))
  }

  private static func report(_ name: String, closing scope: UInt32) -> ScopeReport {
    let ledger = Ledger.shared
    let (scopes, rescues) = ScopeTracking.close(scope)
    var buffers = SiteSums()
    var others: [DomainNumber: SiteSums] = [:]
    ledger.forEachResource { _, entry in
      guard entry.word.state == .live, !entry.word.isDetached, scopes.contains(entry.scope) else { return }
      let kind = ledger.domainKind(entry.domain)
      if kind == .arena || kind == .adoptedMemory {
        buffers.add(entry, capacity: entry.capacity)
      } else {
        others[entry.domain, default: SiteSums()].add(entry)
      }
    }
    var rescued = SiteSums()
    for (site, sum) in rescues.bySite { rescued.add(sum.count, byteCount: sum.byteCount, at: site) }
    let held =
      [buffers.finding(.held, in: ledger)]
      + others.sorted { $0.key.rawValue < $1.key.rawValue }.map { $1.finding(.held, domain: $0, in: ledger) }
    let findings = (held + [rescued.finding(.rescued, in: ledger)]).compactMap { $0 }
    return ScopeReport(name: name, verdict: Verdict(findings), findings: findings)
  }
}
