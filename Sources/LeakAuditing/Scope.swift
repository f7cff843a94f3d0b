// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension LeakAuditor {
  /// A scope that is open, as a value for code on another thread, or in a detached task, that works for it.
  ///
  ///     let report = LeakAuditor.scope("request") { scope in
  ///       pool.sync { scope.run { handleRequest() } }
  ///     }.report
  ///
  /// Child tasks need no such value: they are in the scope by themselves.
  public struct Scope: Sendable {
    private let place: CreationScope

    init(place: CreationScope) { self.place = place }

    /// The innermost scope that is open around the caller, in its task or on its thread; nil if there is none.
    /// - Complexity: O(1).
    public static var current: Scope? {
      let place = ScopeTracking.currentScope
      return place.number == 0 ? nil : Scope(place: place)
    }

    /// Runs a closure in the scope: what it creates counts as if the scope's own closure had created it. It does not
    /// count in another scope that is around the caller.
    ///
    /// The scope must not end before the closure does: what is created after its end counts in no scope, or in an outer
    /// one that is still open.
    /// - Throws: what the closure throws.
    public func run<R>(_ body: () throws -> R) rethrows -> R { try ScopeTracking.with(place, body) }

    /// The same for an asynchronous closure.
    public func run<R>(
      isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
    ) async rethrows -> R {
      try await ScopeTracking.with(place, isolation: isolation, body)
    }
  }
}
