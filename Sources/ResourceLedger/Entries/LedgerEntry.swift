public import Synchronization

/// The 64 bytes of one entry, as LedgerLayout.swift draws them.
@usableFromInline
package struct EntryRecord: ~Copyable {
  @usableFromInline package let word: Atomic<UInt64>
  @usableFromInline package let address: Atomic<UInt64>
  @usableFromInline package let byteCount: Atomic<UInt64>
  @usableFromInline package let capacity: Atomic<UInt64>
  @usableFromInline package let site: Atomic<UInt32>
  /// Domain in the low 16 bits, bucket in the high 16: readers want both from one load.
  @usableFromInline package let classification: Atomic<UInt32>
  @usableFromInline package let link: Atomic<UInt32>
  @usableFromInline package let alignmentLog2: Atomic<UInt32>
  @usableFromInline package let scope: Atomic<UInt32>
  @usableFromInline package let idleMark: Atomic<UInt32>
  @usableFromInline package let firstGeneration: Atomic<UInt64>
}

/// A ledger entry: a reference to 64 bytes that stay mapped as long as their ledger.
///
/// Synchronisation: `word` is the entry's lock and its publication. The other fields are written by the
/// owner alone, before the `live` word is published with release order; a reader takes the word with
/// acquire order, reads, and takes the word again (``snapshot()``).
// SAFETY: points into a ledger's region, which is unmapped only with its ledger; every field is atomic.
@usableFromInline
@safe package struct LedgerEntry: @unchecked Sendable, Equatable {
  @usableFromInline package let record: UnsafeMutablePointer<EntryRecord>

  @inlinable
  package init(record: UnsafeMutablePointer<EntryRecord>) { unsafe self.record = record }

  @inlinable package var word: EntryWord { EntryWord(rawValue: unsafe record.pointee.word.load(ordering: .acquiring)) }

  /// 256 TiB, more than a process can address: the most bytes that one resource may stand for.
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
  @inlinable package var alignmentLog2: UInt32 {
    get { unsafe record.pointee.alignmentLog2.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.alignmentLog2.store(newValue, ordering: .relaxed) }
  }
  @inlinable package var scope: UInt32 {
    get { unsafe record.pointee.scope.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.scope.store(newValue, ordering: .relaxed) }
  }
  /// The entry's generation when it joined its domain: the difference is the lives it had there.
  @inlinable package var firstGeneration: UInt64 {
    get { unsafe record.pointee.firstGeneration.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.firstGeneration.store(newValue, ordering: .relaxed) }
  }
  /// Puts an entry without a resource into a domain. The caller owns it.
  @inlinable
  package func beginMembership(_ classification: Classification) {
    self.classification = classification
    firstGeneration = word.generation
  }
  /// Lives that ended since the entry joined its domain.
  package var endedLives: Int { Int(clamping: Int64(bitPattern: word.generation &- firstGeneration)) }

  @inlinable package var link: UInt32 {
    get { unsafe record.pointee.link.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.link.store(newValue, ordering: .relaxed) }
  }

  /// What a maintenance pass leaves on an idle entry to know it by: written by one pass at a time, whoever owns
  /// the entry. No meaning for readers.
  @inlinable package var idleMark: UInt32 {
    get { unsafe record.pointee.idleMark.load(ordering: .relaxed) }
    nonmutating set { unsafe record.pointee.idleMark.store(newValue, ordering: .relaxed) }
  }

  /// When the cleanup of a registration began: see ``CoarseClock``; 0 before. In the word that blocks have their mark in.
  @inlinable package var cleanupStart: UInt32 {
    get { idleMark }
    nonmutating set { idleMark = newValue }
  }

  @inlinable package static func == (a: LedgerEntry, b: LedgerEntry) -> Bool { unsafe a.record == b.record }

  /// Which domain an entry belongs to, and where the domain sorts it.
  @usableFromInline
  package struct Classification: Equatable, Sendable {
    @usableFromInline package var rawValue: UInt32
    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable package init(domain: DomainNumber, bucket: UInt16) {
      rawValue = UInt32(domain.rawValue) | UInt32(bucket) << 16
    }
    package init(domain: DomainID, bucket: UInt16) { self.init(domain: domain.number, bucket: bucket) }
    @inlinable package var domain: DomainNumber { DomainNumber(rawValue: UInt16(truncatingIfNeeded: rawValue)) }
    @inlinable package var bucket: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 16) }
  }
}
