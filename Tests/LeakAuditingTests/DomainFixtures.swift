// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

@testable import LeakAuditing

/// A domain whose census is the result of a closure.
final class StatedDomain: ResourceDomain {
  let name: String
  private let state: @Sendable () throws -> Census

  init(_ name: String, census: @escaping @Sendable () throws -> Census) {
    self.name = name
    state = census
  }

  func census() throws -> Census { try state() }
}

/// The same for a domain that can keep its books from changing.
final class StatedSteadyDomain: SteadyDomain {
  let name: String
  private let loose: @Sendable () -> Census
  private let held: @Sendable () -> ExactCensus

  init(_ name: String, loose: @escaping @Sendable () -> Census, held: @escaping @Sendable () -> ExactCensus) {
    self.name = name
    self.loose = loose
    self.held = held
  }

  func census() -> Census { loose() }
  func withBooksHeld<R>(_ body: (ExactCensus) throws -> R) rethrows -> R { try body(held()) }
}

extension AuditReport {
  /// What an audit says about one domain, because other tests run at the same time.
  func books(_ domain: String) -> DomainBooks? { domains.first { $0.name == domain } }
  func findings(_ domain: String) -> [Finding] { findings.filter { $0.domain == domain } }
}
