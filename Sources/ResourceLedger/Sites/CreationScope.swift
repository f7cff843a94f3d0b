// SPDX-License-Identifier: Apache-2.0

/// Where a resource was created: the innermost scope, and whether a ``ProcessLifetime`` scope is around it. This is the
/// entry's field of that name, so a process lifetime costs nothing at the creation and at the release.
@usableFromInline
package struct CreationScope: Equatable, Sendable, ExpressibleByIntegerLiteral {
  @usableFromInline package let rawValue: UInt32

  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }
  /// A scope by its number, without a process lifetime.
  @inlinable package init(integerLiteral value: UInt32) { rawValue = value }

  @inlinable package static var none: CreationScope { 0 }

  /// The largest number that a scope can have.
  package static var lastNumber: UInt32 { ~processLifetimeBit }
  private static var processLifetimeBit: UInt32 { 1 << 31 }

  /// The number of the scope; 0 for none.
  package var number: UInt32 { rawValue & Self.lastNumber }
  /// Whether the resource is meant to live as long as the process.
  package var isOfProcessLifetime: Bool { rawValue & Self.processLifetimeBit != 0 }

  /// The same place, with a process lifetime.
  package var ofProcessLifetime: CreationScope { CreationScope(rawValue: rawValue | Self.processLifetimeBit) }
  /// A scope that begins in this place: what is created there has a process lifetime if it would have one here.
  func inside(_ number: UInt32) -> CreationScope {
    CreationScope(rawValue: rawValue & Self.processLifetimeBit | number)
  }
}
