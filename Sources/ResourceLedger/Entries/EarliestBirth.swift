// SPDX-License-Identifier: Apache-2.0

/// The earliest of the seconds in which some resources were created.
package struct EarliestBirth: Sendable, Equatable {
  /// The second less one, so that a birth that is not known (0) is later than all others.
  @usableFromInline var before = UInt32.max

  @inlinable package init() {}

  /// The second; 0 if none is known.
  @inlinable package var second: UInt32 { before &+ 1 }

  /// Takes one more birth into account. It is inlined, because other modules call it for each entry of a ledger.
  /// - Parameter birth: a second; 0 if it is not known.
  @inlinable @inline(__always)
  package mutating func include(_ birth: UInt32) { before = min(before, birth &- 1) }
}
