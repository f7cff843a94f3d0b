// SPDX-License-Identifier: Apache-2.0

/// What a ledger entry stands for.
@usableFromInline
package enum EntryState: UInt64, Sendable, CaseIterable {
  /// No resource.
  case free = 0
  /// Memory kept for reuse.
  case idle = 1
  /// A handle owns the resource.
  case live = 2
  /// Released, held back on purpose.
  case quarantined = 3
}

/// An entry's state word: everything about a resource's ownership that threads change at the same time,
/// in 64 bits, so that each change is one compare-and-exchange.
///
/// ```text
/// bits 0–1    state
/// bit 2       a cache holds the resource; only in state live
/// bit 3       release requested: no new pin; the last pin's end, or the requester, releases
/// bit 4       exclusive pin held
/// bit 5       detached: the pointer was handed out and will not come back
/// bits 6–23   shared pins
/// bits 24–63  generation: the number of lives of this entry that have ended
/// ```
///
/// The generation makes a handle's word unequal to that of every later owner of the same entry. It
/// never wraps: an entry that reaches the last generation is taken out of use.
@usableFromInline
package struct EntryWord: Equatable, Sendable {
  @usableFromInline package var rawValue: UInt64

  @inlinable
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  @inlinable
  package init(state: EntryState, generation: UInt64) {
    rawValue = state.rawValue | generation << Self.generationShift
  }

  @inlinable package static var stateMask: UInt64 { 0b11 }
  @inlinable package static var heldByCacheBit: UInt64 { 1 << 2 }
  @inlinable package static var releaseRequestedBit: UInt64 { 1 << 3 }
  @inlinable package static var exclusiveBit: UInt64 { 1 << 4 }
  @inlinable package static var detachedBit: UInt64 { 1 << 5 }
  @inlinable package static var pinUnit: UInt64 { 1 << 6 }
  @inlinable package static var pinMask: UInt64 { 0xFF_FFC0 }
  @inlinable package static var generationShift: UInt64 { 24 }
  @inlinable package static var lastGeneration: UInt64 { (1 << 40) - 1 }
  /// The bits in which a handle's key and the word agree as long as the handle may be used.
  @inlinable package static var keyMask: UInt64 { ~(pinMask | exclusiveBit | heldByCacheBit) }
  @inlinable package static var maximumPinCount: Int { Int(pinMask / pinUnit) }

  @inlinable package var state: EntryState { EntryState(rawValue: rawValue & Self.stateMask) ?? .free }
  @inlinable package var isHeldByCache: Bool { rawValue & Self.heldByCacheBit != 0 }
  @inlinable package var generation: UInt64 { rawValue >> Self.generationShift }
  @inlinable package var isReleaseRequested: Bool { rawValue & Self.releaseRequestedBit != 0 }
  @inlinable package var isExclusivelyPinned: Bool { rawValue & Self.exclusiveBit != 0 }
  @inlinable package var isDetached: Bool { rawValue & Self.detachedBit != 0 }
  @inlinable package var pinCount: Int { Int((rawValue & Self.pinMask) / Self.pinUnit) }

  /// Whether both words are of the same life of the same resource, whatever its pins and its bits 2 to 5.
  package func isSameLife(as other: EntryWord) -> Bool { (rawValue ^ other.rawValue) & Self.lifeMask == 0 }

  /// The bits that stay the same during a life.
  package static var lifeMask: UInt64 { keyMask & ~(releaseRequestedBit | detachedBit) }
}
