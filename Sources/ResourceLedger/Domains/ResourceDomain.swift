// SPDX-License-Identifier: Apache-2.0

/// A domain's own count of what is live: the second book.
public struct Census: Hashable, Sendable {
  /// The number of resources that are live.
  public var count: Int
  /// The bytes of these resources; 0 if the domain counts no bytes, `Int.max` if they are that many or more.
  public var byteCount: Int

  public init(count: Int, byteCount: Int) {
    self.count = count
    self.byteCount = byteCount
  }
}

/// A kind of resource that can count itself.
///
///     final class Textures: ResourceDomain {
///       let name = "textures"
///       func census() throws -> Census { Census(count: Driver.textureCount, byteCount: Driver.textureBytes) }
///     }
///     let textures = Textures()
///     let domain = try ResourceDomains.add(textures)
///     let texture = try NativeResource(UInt32(1), domain: domain, byteCount: 4_096) { Driver.delete($0) }
///
/// Conform a type of your own, give it to ``ResourceDomains/add(_:kind:)``, and create resources with the identifier
/// that you get. An audit then compares the domain's census with its ledger entries. The census must come from the
/// resource's own side (the allocator, the driver, the kernel), and not from counting the handles that were made: there
/// are two books only if they are independent.
///
/// The two books are compared by count, and by bytes if the census gives any. The census must then count the bytes that
/// resources were created with, rounded in the same way.
public protocol ResourceDomain: AnyObject, Sendable {
  var name: String { get }

  /// Counts what is live now. May be called on any thread and at any time; the caller holds no lock of the library. An
  /// audit calls it twice, and some twenty times if the books differ. An error is reported as a finding.
  func census() throws -> Census
}

/// A domain that already has a number, and must not be listed under a second one.
package protocol NumberedDomain: ResourceDomain {
  var domainID: DomainID { get }
}

/// A census whose bytes are exact, however many they are.
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
  /// Limits the bytes to what an `Int` holds.
  package init(clamping census: ExactCensus) {
    self.init(count: census.count, byteCount: Int(clamping: census.byteCount))
  }
}

/// A domain that can keep its two books from changing for a moment, so that they can be compared while they are in use.
package protocol SteadyDomain: ResourceDomain {
  /// Calls `body` with the census. Meanwhile, no resource of this domain enters or leaves either book. `body` must not
  /// create or release such a resource, nor ask for a census.
  func withBooksHeld<R>(_ body: (ExactCensus) throws -> R) rethrows -> R
}

/// A domain whose resources are registrations, with cleanups that run one after the other.
package protocol DeliveringDomain: ResourceDomain {
  /// The number of registrations whose target is gone and whose cleanup has not begun.
  var waitingCount: Int { get }
}
