// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization

/// The domains of this process that can count themselves.
///
/// Domains are held weakly: a domain that no longer exists is no longer listed.
public enum ResourceDomains {
  /// A domain and the number under which the ledger books its resources.
  public struct Listing: Sendable {
    public let id: DomainID
    public let domain: any ResourceDomain
    /// Whether several domains have the number, because the ledger's domain records were used up: not all of its
    /// entries are this domain's.
    package let sharesID: Bool
  }

  /// A class, so that copies of the list make no new weak references.
  private final class Slot: Sendable {
    let id: DomainID
    let sharesID: Bool
    /// The right to the number if a client added the domain; nil for other domains, which cannot be removed.
    let owned: OwnedDomain?
    /// The domain's place in the order in which domains were added.
    let order: Int
    weak let domain: (any ResourceDomain)?

    init(id: DomainID, sharesID: Bool, owned: OwnedDomain?, order: Int, domain: any ResourceDomain) {
      self.id = id
      self.sharesID = sharesID
      self.owned = owned
      self.order = order
      self.domain = domain
    }
  }

  private static let lock = RankedLock(.domains)
  /// By the domain's address. A domain that no longer exists may have had the address of a domain that is not listed.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var slots: [ObjectIdentifier: Slot] = [:]
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var lastOrder = 0
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var nextPruning = 64

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(slots)
    unsafe ForkGuard.touch(lastOrder)
    unsafe ForkGuard.touch(nextPruning)
  }

  /// Lists a domain, and gives it an identifier that resources are created with.
  ///
  /// If the domain is already listed, this returns its identifier, whichever thread calls. Only ``remove(_:)`` takes
  /// the number back: if a domain goes away without it, the number stays in use, because entries may still carry it. An
  /// arena and a registry have their own numbers from the start and are not listed under a second one.
  /// - Throws: ``LedgerError`` if there is no room for a ledger, if all domain records are in use, or if only the
  ///   library makes entries of the kind (``DomainKind/arena``, ``DomainKind/adoptedMemory``,
  ///   ``DomainKind/finalizationRegistry``).
  public static func add(_ domain: any ResourceDomain, kind: DomainKind = .custom) throws(LedgerError) -> DomainID {
    if let id = id(of: domain) { return id }
    guard kind.isOfClients else { throw LedgerError(.reservedKind(kind)) }
    let owned: OwnedDomain
    do throws(LedgerError) {
      try Ledger.makeShared()
      owned = try Ledger.shared.addDomain(kind, name: domain.name, isOneOfMany: true)
    } catch {
      // Another thread may have added it meanwhile, with the last number.
      if let id = id(of: domain) { return id }
      throw error
    }
    let id = list(domain, as: owned.id, sharesID: false, owned: owned)
    if id != owned.id { owned.giveBack() }
    prune()
    return id
  }

  /// Lists a domain that already has a number. ``remove(_:)`` has no effect on it.
  package static func list(_ domain: any ResourceDomain, as id: DomainID, sharesID: Bool = false) {
    _ = list(domain, as: id, sharesID: sharesID, owned: nil)
    prune()
  }

  /// Lists a domain like ``list(_:as:sharesID:)``, but does not look for domains that no longer exist, which could drop
  /// the last reference to a domain. So this runs no code of a client.
  package static func listOnly(_ domain: any ResourceDomain, as id: DomainID) {
    _ = list(domain, as: id, sharesID: false, owned: nil)
  }

  /// - Returns: the identifier that the domain is listed under. Another thread may have listed it just now.
  private static func list(
    _ domain: any ResourceDomain, as id: DomainID, sharesID: Bool, owned: OwnedDomain?
  ) -> DomainID {
    lock.withLock {
      if let slot = slot(of: domain) { return slot.id }
      unsafe lastOrder += 1
      unsafe slots[ObjectIdentifier(domain)] = Slot(
        id: id, sharesID: sharesID, owned: owned, order: lastOrder, domain: domain)
      return id
    }
  }

  /// The slot of a listed domain. The caller holds `lock`. It also has a reference to the domain, so reading the weak
  /// one runs no deinit.
  private static func slot(of domain: any ResourceDomain) -> Slot? {
    guard let slot = unsafe slots[ObjectIdentifier(domain)], slot.domain === domain else { return nil }
    return slot
  }

  /// Takes domains that no longer exist off the list, each time that the list has doubled in length.
  private static func prune() {
    guard lock.withLock({ unsafe slots.count >= nextPruning }) else { return }
    // Weak references are read without the lock: see `current`. This needs no order, and so uses as few of Swift's
    // generic types as possible: in a forked child, the first use of one may wait for ever in Swift's runtime.
    for (key, slot) in lock.withLock({ unsafe slots }) where slot.domain == nil {
      lock.withLock {
        if unsafe slots[key]?.order == slot.order { unsafe slots[key] = nil }
      }
    }
    lock.withLock { unsafe nextPruning = max(64, 2 * slots.count) }
  }

  /// For tests: the length of the list, with the domains that no longer exist and were not taken off yet.
  static var listLength: Int { lock.withLock { unsafe slots.count } }

  /// The identifier of a listed domain; nil if the domain is not listed.
  public static func id(of domain: any ResourceDomain) -> DomainID? {
    if let domain = domain as? any NumberedDomain { return domain.domainID }
    return lock.withLock { slot(of: domain)?.id }
  }

  /// Takes a domain that ``add(_:kind:)`` listed off the list, and its number out of use.
  ///
  /// From then on, no resource can be created with the number. Resources that are live stay in the ledger under the
  /// domain's name; audits compare them with nothing, and no other domain gets the number while there are any. The
  /// library's own domains cannot be removed: registries, arenas (until they are destroyed) and the file descriptors.
  /// - Returns: whether this call removed the domain; false if it is not listed, or is the library's own.
  @discardableResult
  public static func remove(_ domain: any ResourceDomain) -> Bool {
    let owned = lock.withLock { () -> OwnedDomain? in
      guard let slot = slot(of: domain), let owned = slot.owned else { return nil }
      unsafe slots[ObjectIdentifier(domain)] = nil
      return owned
    }
    owned?.giveBack()
    return owned != nil
  }

  /// Takes a domain off the list that ``list(_:as:sharesID:)`` put there. The domain keeps its number.
  package static func unlist(_ domain: any ResourceDomain) {
    lock.withLock { _ = unsafe slots.removeValue(forKey: ObjectIdentifier(domain)) }
  }

  /// Every listed domain that exists now, in the order in which they were added.
  public static var all: [Listing] {
    current.compactMap { slot in
      slot.domain.map { Listing(id: slot.id, domain: $0, sharesID: slot.sharesID) }
    }
  }

  /// A copy of the list, for looking into it without the lock: a thread that reads a weak reference may become the last
  /// owner of a domain, and the domain's deinit may take the lock.
  private static var current: [Slot] { lock.withLock { unsafe Array(slots.values) }.sorted { $0.order < $1.order } }
}
