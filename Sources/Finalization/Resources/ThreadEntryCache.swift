// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// Ledger entries without a resource that one thread keeps, so that creating and releasing a native resource
/// seldom uses the list that all threads share.
@usableFromInline
struct ThreadEntryCache: ~Copyable {
  @inlinable static var limit: Int { 64 }
  @usableFromInline var entries = InlineArray<64, LedgerEntry?>(repeating: nil)
  @usableFromInline var count = 0

  /// Takes an entry without a resource; nil if none is kept.
  @inlinable
  @inline(__always)
  mutating func take() -> LedgerEntry? {
    guard count > 0 else { return nil }
    count &-= 1
    return unsafe entries[unchecked: count]
  }

  /// Keeps an entry whose life has ended, or gives it back to the ledger.
  @inlinable
  @inline(__always)
  mutating func keep(_ entry: LedgerEntry, isUsable: Bool) {
    guard count < Self.limit, isUsable else { return Self.release(entry) }
    unsafe entries[unchecked: count] = entry
    count &+= 1
  }

  @usableFromInline
  @inline(never)
  static func release(_ entry: LedgerEntry) { Ledger.shared.releaseEntry(entry) }

  mutating func releaseAll() {
    while let entry = take() { Self.release(entry) }
  }
}
