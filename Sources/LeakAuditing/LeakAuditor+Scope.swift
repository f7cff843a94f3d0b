// SPDX-License-Identifier: Apache-2.0

public import LedgerReading
import ResourceLedger

extension LeakAuditor {
  /// Runs a closure, and reports the resources that it created, on this thread or in its child tasks, and left live.
  ///
  /// Scopes nest; the resources of an inner scope belong to the outer scope, too. Resources that a detached task or
  /// another thread creates are not counted, unless it enters the scope: see ``Scope``. A buffer that the closure
  /// returns is live, and reported as held. The count is exact even if other threads allocate and dispose meanwhile.
  ///
  /// What is kept on purpose is not reported as held: what a `ResourceCache` holds at the end of the scope, if it is a
  /// `CacheableResource`, and what was created inside of a `ProcessLifetime.scope`.
  ///
  /// All buffers are one finding. Native resources, file descriptors and registrations are one finding for each domain,
  /// with its name. A registration whose target is gone stays live until its cleanup has run: flush or drain its
  /// registry inside the closure.
  /// - Returns: the closure's value and the report.
  /// - Throws: what the closure throws; then there is no report.
  /// - Complexity: 64 bytes read per ledger entry at the end. While any scope is open in the process,
  ///   creating a buffer costs about 20 ns more.
  public static func scope<R>(_ name: String, _ body: () throws -> R) rethrows -> (value: R, report: ScopeReport) {
    try scope(name) { _ in try body() }
  }

  /// The same for an asynchronous closure.
  public static func scope<R>(
    _ name: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
  ) async rethrows -> (value: R, report: ScopeReport) {
    try await scope(name, isolation: isolation) { _ in try await body() }
  }

  /// The same for a closure that hands the scope on to other threads.
  public static func scope<R>(
    _ name: String, _ body: (Scope) throws -> R
  ) rethrows -> (value: R, report: ScopeReport) {
    let number = ScopeTracking.open()
    let scope = Scope(place: ScopeTracking.place(inside: number))
    let value: R
    do {
      value = try scope.run { try body(scope) }
    } catch {
      _ = ScopeTracking.close(number)
      throw error
    }
    return (value, report(name, closing: number))
  }

  /// The same for an asynchronous closure that hands the scope on to other threads or detached tasks.
  public static func scope<R>(
    _ name: String, isolation: isolated (any Actor)? = #isolation, _ body: (Scope) async throws -> R
  ) async rethrows -> (value: R, report: ScopeReport) {
    let number = ScopeTracking.open()
    let scope = Scope(place: ScopeTracking.place(inside: number))
    let value: R
    do {
      value = try await scope.run(isolation: isolation) { try await body(scope) }
    } catch {
      _ = ScopeTracking.close(number)
      throw error
    }
    return (value, report(name, closing: number))
  }

  private static func report(_ name: String, closing scope: UInt32) -> ScopeReport {
    let (scopes, rescues) = ScopeTracking.close(scope)
    // Without a ledger, no resource was ever created.
    guard (try? Ledger.makeShared()) != nil else { return ScopeReport(name: name, findings: []) }
    let ledger = Ledger.shared
    let held = HeldResources(in: ledger) { scopes.contains($0.number) }.findings
    var rescued = SiteSums()
    for (site, sum) in rescues.bySite { rescued.add(sum.count, byteCount: sum.byteCount, at: site) }
    return ScopeReport(name: name, findings: held + [rescued.finding(.rescued, in: ledger)].compactMap { $0 })
  }
}
