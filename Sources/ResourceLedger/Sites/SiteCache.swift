// SPDX-License-Identifier: Apache-2.0

/// The lines of code that one thread saw last, by the address of the file's literal and the line number. It is a plain
/// table without atomic operations in front of the ledger's ``SiteIndex``.
@usableFromInline
package struct SiteCache: ~Copyable {
  @usableFromInline struct Slot {
    /// See ``SiteIndex/key(file:line:)``; 0 for none.
    @usableFromInline var key: UInt64 = 0
    @usableFromInline var site = SiteID(rawValue: 0)
    @usableFromInline init() {}
  }

  @inlinable static var slotCount: Int { 64 }
  @usableFromInline var slots = InlineArray<64, Slot>(repeating: Slot())

  package init() {}

  /// The number of a line of code.
  @inlinable
  @inline(__always)
  package mutating func site(file: StaticString, line: UInt, function: StaticString) -> SiteID {
    // A text of one character may have no address. If the compiler sees the literal, this check costs nothing.
    guard file.hasPointerRepresentation else { return Self.intern(file: file, line: line, function: function) }
    let address = UInt64(UInt(bitPattern: unsafe file.utf8Start))
    let key = address | UInt64(line) << 47
    let slot = Int(truncatingIfNeeded: (address >> 4) ^ UInt64(line)) & (Self.slotCount - 1)
    if unsafe slots[unchecked: slot].key == key, line < 1 << 17 { return unsafe slots[unchecked: slot].site }
    return lookUp(slot: slot, key: key, file: file, line: line, function: function)
  }

  @usableFromInline
  @inline(never)
  mutating func lookUp(
    slot: Int, key: UInt64, file: StaticString, line: UInt, function: StaticString
  ) -> SiteID {
    let site = Self.intern(file: file, line: line, function: function)
    if line < 1 << 17, site != .unknown {
      slots[slot].key = key
      slots[slot].site = site
    }
    return site
  }

  @usableFromInline
  @inline(never)
  static func intern(file: StaticString, line: UInt, function: StaticString) -> SiteID {
    Ledger.shared.intern(file: file, line: line, function: function)
  }
}
