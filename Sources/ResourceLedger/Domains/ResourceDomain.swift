/// A domain's own count of what is live: the second book.
public struct Census: Hashable, Sendable {
  /// Resources that are live.
  public var count: Int
  /// Bytes they stand for; 0 where the domain counts no bytes, `Int.max` where they are as many or more.
  public var byteCount: Int

  public init(count: Int, byteCount: Int) {
    self.count = count
    self.byteCount = byteCount
  }
}

/// A kind of resource that can count itself.
///
/// Conform a type of your own, give it to ``ResourceDomains/add(_:kind:)``, and create resources with the
/// number you get: an audit then compares the domain's census with its ledger entries. The census must
/// come from the resource's own side (the allocator, the driver, the kernel), not from counting the
/// handles that were made: only then are there two books.
///
/// The two books are compared by count, and by bytes wherever the census gives any: it must then count the
/// bytes that resources were created with, rounded where they were rounded.
public protocol ResourceDomain: AnyObject, Sendable {
  var name: String { get }

  /// Counts what is live now. May be called on any thread, at any time, under no lock of the library; an
  /// audit calls it twice, and some twenty times where the books differ. An error is reported as a finding.
  func census() throws -> Census
}

/// A domain that has its number from somewhere else, and is not to be listed under a second one.
package protocol NumberedDomain: ResourceDomain {
  var domainID: DomainID { get }
}

/// A census whose bytes are exact however many they are.
package struct ExactCensus: Equatable, Sendable {
  package var count: Int
  package var byteCount: Int128

  package init(count: Int, byteCount: Int128) {
    self.count = count
    self.byteCount = byteCount
  }

  package init(_ census: Census) { self.init(count: census.count, byteCount: Int128(census.byteCount)) }
}

extension Census {
  /// As much of the bytes as an `Int` can say.
  package init(clamping census: ExactCensus) {
    self.init(count: census.count, byteCount: Int(clamping: census.byteCount))
  }
}

/// A domain that can hold its two books still for a moment, so that they can be compared under load.
package protocol SteadyDomain: ResourceDomain {
  /// Calls `body` with the census while no resource of this domain enters or leaves either book. `body` must
  /// not create or release one, nor ask for a census.
  func withBooksHeld<R>(_ body: (ExactCensus) throws -> R) rethrows -> R
}

/// A domain whose resources are registrations, with cleanups that run one after the other.
package protocol DeliveringDomain: ResourceDomain {
  /// Registrations whose target is gone and whose cleanup has not begun.
  var waitingCount: Int { get }
}
