// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// A registry as a domain that counts itself. It is an object apart from the pool, because the list of domains refers
/// to it weakly, and weak references make every other use of an object slower.
// SAFETY: `stripes` is used and `isOpen` changes under `lock`; the pool closes this before it deallocates the stripes.
final class RegistryBooks: @unchecked Sendable, SteadyDomain, DeliveringDomain {
  let name: String
  let domain: DomainID
  private let stripes: PoolStripes
  private let deaths: DeathQueue
  private let lock = RankedLock(.registryBooks)
  private var isOpen = true

  init(name: String, domain: DomainID, stripes: PoolStripes, deaths: DeathQueue) {
    self.name = name
    self.domain = domain
    self.stripes = stripes
    self.deaths = deaths
  }

  var waitingCount: Int { deaths.count }

  func close() { lock.withLock { isOpen = false } }

  func census() -> Census { Census(clamping: withBooksHeld { $0 }) }

  func withBooksHeld<R>(_ body: (ExactCensus) throws -> R) rethrows -> R {
    try lock.withLock {
      guard isOpen else { return try body(ExactCensus(count: 0, byteCount: 0)) }
      stripes.lockAll()
      defer { stripes.unlockAll() }
      return try body(stripes.census)
    }
  }
}

/// A registry's domain number in the ledger. If the ledger has no domain record left, registries share one number.
struct RegistryNumber: Sendable {
  private static let spare = ForkSafeLazy {
    try? Ledger.shared.addDomain(.finalizationRegistry, name: "other finalization registries")
  }
  static func makeStatics() { ForkGuard.touch(spare) }

  let id: DomainID
  /// Nil if registries share the number.
  private let owned: OwnedDomain?

  init(_ name: String) {
    let spare = Self.spare.value
    owned = try? Ledger.shared.addDomain(.finalizationRegistry, name: name, isOneOfMany: true)
    id = owned?.id ?? spare?.id ?? .none
  }

  var isShared: Bool { owned == nil }

  /// Called after the last registration has ended, when no entry carries the number.
  func giveBack() { owned?.giveBack() }
}
