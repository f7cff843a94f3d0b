/// The domains of this process that can count themselves.
///
/// Domains are held weakly: one that is gone is no longer listed.
public enum ResourceDomains {
  /// A domain and the number under which the ledger books its resources.
  public struct Listing: Sendable {
    public let id: DomainID
    public let domain: any ResourceDomain
    /// Whether several domains were given this number at the same time, because the ledger's domain records
    /// were used up: its entries are not this domain's alone.
    package let sharesID: Bool
  }

  /// An object, so that copies of the list make no weak references.
  private final class Slot: Sendable {
    let id: DomainID
    /// When it was added.
    let order: Int
    weak let domain: (any ResourceDomain)?
    init(id: DomainID, order: Int, domain: any ResourceDomain) {
      self.id = id
      self.order = order
      self.domain = domain
    }
  }

  private static let lock = ForkGuard.innerLock()
  /// By number; several where domains share one.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var slots: [DomainID: [Slot]] = [:]
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var sharedIDs: Set<DomainID> = []
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var lastOrder = 0
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var nextPruning = 64

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(slots)
    unsafe ForkGuard.touch(sharedIDs)
    unsafe ForkGuard.touch(lastOrder)
    unsafe ForkGuard.touch(nextPruning)
  }

  /// Lists a domain, and gives it a number that resources are created with.
  ///
  /// Adding a domain again returns the number it has. The number is taken back by ``remove(_:)`` only: a
  /// domain that goes away without it leaves its number in use, because entries may still carry it.
  /// An arena has its number from the start and is not listed: an audit asks arenas first.
  /// - Throws: ``LedgerError`` where all domain records are in use.
  public static func add(_ domain: any ResourceDomain, kind: DomainKind = .custom) throws(LedgerError) -> DomainID {
    if let id = id(of: domain) { return id }
    let id = try Ledger.shared.addDomain(kind, name: domain.name)
    list(domain, as: id)
    return id
  }

  /// Lists a domain that has its number already.
  package static func list(_ domain: any ResourceDomain, as id: DomainID) {
    prune()
    listOnly(domain, as: id)
  }

  /// The same without looking for domains that are gone, of which the last reference may go by that: runs no code of a
  /// client.
  package static func listOnly(_ domain: any ResourceDomain, as id: DomainID) {
    lock.withLock {
      unsafe lastOrder += 1
      unsafe slots[id, default: []].append(Slot(id: id, order: lastOrder, domain: domain))
      if unsafe slots[id, default: []].count > 1 { unsafe sharedIDs.insert(id) }
    }
  }

  /// Takes domains that are gone off the list, each time that it has doubled.
  private static func prune() {
    guard lock.withLock({ unsafe slots.count >= nextPruning }) else { return }
    let dead = Set(current.filter { $0.domain == nil }.map(\.order))
    lock.withLock {
      unsafe slots = slots.mapValues { $0.filter { !dead.contains($0.order) } }.filter { !$1.isEmpty }
      unsafe nextPruning = max(64, 2 * slots.count)
    }
  }

  /// The number of a listed domain.
  public static func id(of domain: any ResourceDomain) -> DomainID? {
    if let domain = domain as? any NumberedDomain { return domain.domainID }
    return current.first { $0.domain === domain }?.id
  }

  /// Takes a domain off the list and its number out of use. No resource of it may be live. An arena keeps its
  /// number until it is destroyed.
  public static func remove(_ domain: any ResourceDomain) {
    guard !(domain is any NumberedDomain), let id = id(of: domain) else { return }
    unlist(id)
    Ledger.shared.removeDomain(id)
  }

  /// Takes a domain off the list; its number stays.
  package static func unlist(_ id: DomainID) {
    lock.withLock { _ = unsafe slots.removeValue(forKey: id) }
  }

  /// Every domain that is alive now, in the order in which they were added.
  public static var all: [Listing] {
    let shared = lock.withLock { unsafe sharedIDs }
    return current.compactMap { slot in
      slot.domain.map { Listing(id: slot.id, domain: $0, sharesID: shared.contains(slot.id)) }
    }
  }

  /// A copy to look into without the lock: whoever reads a weak reference may become the last owner of a
  /// domain, whose deinit may come here.
  private static var current: [Slot] {
    lock.withLock { unsafe slots }.values.joined().sorted { $0.order < $1.order }
  }
}
