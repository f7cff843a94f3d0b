// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// The 64 bytes of one entry, as Ledger-Layout.md lists them.
@usableFromInline
package struct EntryRecord: ~Copyable {
  @usableFromInline package let word: Atomic<UInt64>
  @usableFromInline package let address: Atomic<UInt64>
  @usableFromInline package let byteCount: Atomic<UInt64>
  @usableFromInline package let capacity: Atomic<UInt64>
  @usableFromInline package let site: Atomic<UInt32>
  /// Domain in the low 16 bits, then 8 bits of bucket, then 8 bits of flags: readers want all of them from one load.
  @usableFromInline package let classification: Atomic<UInt32>
  @usableFromInline package let link: Atomic<UInt32>
  @usableFromInline package let birth: Atomic<UInt32>
  @usableFromInline package let scope: Atomic<UInt32>
  @usableFromInline package let idleMark: Atomic<UInt32>
  /// The generation at which the entry joined its domain in the low 40 bits, then 8 bits of alignment, then 16 bits of
  /// budget.
  @usableFromInline package let membership: Atomic<UInt64>
}

/// A ledger entry: a reference to 64 bytes that stay mapped as long as their ledger exists.
///
/// Synchronisation: `word` is the entry's lock, and publishes its fields. Only the owner writes the other fields
/// (except for `idleMark` and some flags), before it stores the `live` word with release order. A reader loads the word
/// with acquire order, reads the fields, and loads the word again (``snapshot()``).
// SAFETY: points into a ledger's region, which is unmapped only with its ledger; every field is atomic.
@usableFromInline
@safe package struct LedgerEntry: @unchecked Sendable, Equatable {
  @usableFromInline package let record: UnsafeMutablePointer<EntryRecord>

  @inlinable
  package init(record: UnsafeMutablePointer<EntryRecord>) { unsafe self.record = record }

  /// The entry that a link leads to. A link is an entry's index plus one, because 0 stands for none.
  /// - Parameter records: the ledger's record of index 0.
  @inlinable
  @inline(__always)
  package init(link: UInt32, records: UnsafeMutablePointer<EntryRecord>) {
    unsafe record = records + (Int(link) &- 1)
  }

  /// The link that leads to this entry.
  @inlinable
  @inline(__always)
  package func linkToSelf(records: UnsafeMutablePointer<EntryRecord>) -> UInt32 {
    // A record has 64 bytes.
    UInt32(truncatingIfNeeded: unsafe (UInt(bitPattern: record) &- UInt(bitPattern: records)) >> 6 &+ 1)
  }

  @inlinable package var word: EntryWord { EntryWord(rawValue: unsafe record.pointee.word.load(ordering: .acquiring)) }

  /// The most bytes that one resource may have: 256 TiB, more than a process can address.
  @inlinable package static var largestByteCount: Int { 1 << 48 }

  @inlinable package var address: UInt {
    get { UInt(unsafe record.pointee.address.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.address.store(UInt64(newValue), ordering: .relaxed) }
  }
  @inlinable package var byteCount: Int {
    get { Int(truncatingIfNeeded: unsafe record.pointee.byteCount.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.byteCount.store(UInt64(newValue), ordering: .relaxed) }
  }
  @inlinable package var capacity: Int {
    get { Int(truncatingIfNeeded: unsafe record.pointee.capacity.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.capacity.store(UInt64(newValue), ordering: .relaxed) }
  }
  @inlinable package var site: SiteID {
    get { SiteID(rawValue: unsafe record.pointee.site.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.site.store(newValue.rawValue, ordering: .relaxed) }
  }
  @inlinable package var classification: Classification {
    get { Classification(rawValue: unsafe record.pointee.classification.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.classification.store(newValue.rawValue, ordering: .relaxed) }
  }
  /// The base-2 logarithm of the block's alignment. It has a byte of its own in `membership`.
  @inlinable package var alignmentLog2: UInt32 {
    get { UInt32(unsafe alignmentByte.pointee.load(ordering: .relaxed)) }
    nonmutating set { unsafe alignmentByte.pointee.store(UInt8(truncatingIfNeeded: newValue), ordering: .relaxed) }
  }
  @inlinable var alignmentByte: UnsafeMutablePointer<Atomic<UInt8>> {
    // SAFETY: byte 61 of the record is bits 40 to 47 of `membership`, which is changed by atomic operations only.
    unsafe (UnsafeMutableRawPointer(record) + 61).assumingMemoryBound(to: Atomic<UInt8>.self)
  }
  /// The second in which the life began, by ``Ledger/second``; 0 if it is not known.
  @inlinable package var birth: UInt32 {
    get { unsafe record.pointee.birth.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.birth.store(newValue, ordering: .relaxed) }
  }
  @inlinable package var scope: CreationScope {
    get { CreationScope(rawValue: unsafe record.pointee.scope.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.scope.store(newValue.rawValue, ordering: .relaxed) }
  }
  /// The entry's generation when it joined its domain. Its generation now minus this one: the lives that ended there.
  package var firstGeneration: UInt64 {
    unsafe record.pointee.membership.load(ordering: .relaxed) & EntryWord.lastGeneration
  }
  /// Puts an entry without a resource into a domain, without flags, alignment and budget. The caller owns the entry.
  @inlinable
  package func beginMembership(_ classification: Classification) {
    self.classification = classification
    unsafe record.pointee.membership.store(word.generation, ordering: .relaxed)
  }
  /// The number of lives that ended since the entry joined its domain.
  package var endedLives: Int { Int(clamping: Int64(bitPattern: word.generation &- firstGeneration)) }

  @inlinable package var link: UInt32 {
    get { unsafe record.pointee.link.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.link.store(newValue, ordering: .relaxed) }
  }

  /// A mark that a maintenance pass leaves on an idle entry, to recognise it later. Only one pass at a time writes it,
  /// even if another thread owns the entry. It has no meaning for readers.
  @inlinable package var idleMark: UInt32 {
    get { unsafe record.pointee.idleMark.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.idleMark.store(newValue, ordering: .relaxed) }
  }

  /// When the cleanup of a registration began: a reading of ``CoarseClock``; 0 before. Blocks have their mark in this
  /// word.
  @inlinable package var cleanupStart: UInt32 {
    get { idleMark }
    nonmutating set { idleMark = newValue }
  }

  @inlinable package static func == (a: LedgerEntry, b: LedgerEntry) -> Bool { unsafe a.record == b.record }

  /// The domain that an entry belongs to, the bucket that the domain sorts it into, and the flags of its life.
  @usableFromInline
  package struct Classification: Equatable, Sendable {
    @usableFromInline package var rawValue: UInt32
    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable package init(domain: DomainNumber, bucket: UInt8) {
      rawValue = UInt32(domain.rawValue) | UInt32(bucket) << 16
    }
    package init(domain: DomainID, bucket: UInt8) { self.init(domain: domain.number, bucket: bucket) }
    @inlinable package var domain: DomainNumber { DomainNumber(rawValue: UInt16(truncatingIfNeeded: rawValue)) }
    @inlinable package var bucket: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 16) }
    package var flags: EntryFlags { EntryFlags(rawValue: UInt8(truncatingIfNeeded: rawValue >> 24)) }
  }
}
