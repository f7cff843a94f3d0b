// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
public import ResourceLedger
public import Synchronization

// The fast path. A thread keeps idle blocks of the shared arena, each with its ledger entry, in one list
// per size class: taking or returning one is a handful of loads and stores to memory that this thread
// alone writes. No lock, no system call, no atomic read-modify-write.
//
//   create + dispose of a `UniqueBuffer`: 4 to 6 ns; the same from 64 B to 512 KiB.
//
// Larger blocks, other arenas, and alignments above a cache line go to the arena's depot. A list that is
// empty is filled from the depot, one that is too long gives half of itself back, in one batch each, so
// that one thread may create what another disposes. A thread says when it uses its lists, by one store before
// and one after, so that maintenance can look into them while it does not: see ThreadCaches+Windows.swift.
//
// Invariants: every listed entry is idle, of the shared arena, of its bin's size class;
// roomByteCount == limit - bytes of all listed blocks.

/// A thread's idle blocks and the sites it saw last.
// SAFETY: the pointers lead to memory that is never freed, and to caches under ThreadCaches.lock.
@usableFromInline
@safe struct ThreadCacheStorage: ~Copyable {
  /// Size classes up to ``largestByteCount`` have numbers below this.
  @inlinable static var binCount: Int { 57 }
  /// The largest block that threads keep.
  @inlinable static var largestByteCount: Int { 512 << 10 }
  @inlinable static var siteCount: Int { 64 }

  @usableFromInline struct Bin {
    /// Index plus one of the entry on top; 0 for none.
    @usableFromInline var head: UInt32 = 0
    /// Bytes of one block of the class.
    @usableFromInline let capacity: Int
    init(capacity: Int) { self.capacity = capacity }
  }

  /// As `SiteCache`'s slot. Not that type: its method would be one access to the whole table, during which maintenance
  /// may look into the lists beside it; ThreadSanitizer reports that as a race.
  @usableFromInline struct CachedSite {
    /// A `#fileID` literal's address and a line; 0 for none. See SiteIndex.
    @usableFromInline var key: UInt64 = 0
    @usableFromInline var site = SiteID(rawValue: 0)
    @usableFromInline init() {}
  }

  @usableFromInline var bins = InlineArray<57, Bin> { Bin(capacity: SizeClass.byteCount(at: $0)) }
  @usableFromInline var sites = InlineArray<64, CachedSite>(repeating: CachedSite())
  /// Bytes that may still be kept; below 0 for a moment only.
  @usableFromInline var roomByteCount: Int
  @usableFromInline let domain: UInt32
  @usableFromInline let records: UnsafeMutablePointer<EntryRecord>
  @usableFromInline let openScopeCount: UnsafeMutablePointer<Atomic<Int>>
  /// Where the thread finds its cache. Under ThreadCaches.lock from others.
  let record = unsafe cnativeruntime_current_thread()
  /// Whether it does find it: see ThreadCaches. Under ThreadCaches.lock.
  var isAttached = false
  /// Where rescues are counted by site.
  let siteRecords = unsafe Ledger.shared.siteRecords
  /// The shared arena's depot, for blocks that threads do not keep.
  let shelves: DepotShelves
  /// The process whose thread the cache belongs to, see ``ForkGuard/generation``. Under ThreadCaches.lock.
  var generation = ForkGuard.generation
  /// The other threads' caches. Under ThreadCaches.lock.
  var next: UnsafeMutablePointer<ThreadCacheStorage>?
  var previous: UnsafeMutablePointer<ThreadCacheStorage>?

  init(domain: DomainID, roomByteCount: Int, shelves: DepotShelves) {
    self.shelves = shelves
    self.roomByteCount = roomByteCount
    self.domain = UInt32(domain.rawValue)
    unsafe records = Ledger.shared.firstRecord
    unsafe openScopeCount = ScopeTracking.openCount
  }
}

/// A thread's cache: its lists are for that thread between `cnativeruntime_begin_cache_use()` and `cnativeruntime_end_cache_use()`,
/// and for whoever has a window into it.
// SAFETY: the storage lives until its thread ends, and is used by one at a time.
@usableFromInline
@safe struct ThreadCache {
  @usableFromInline let storage: UnsafeMutablePointer<ThreadCacheStorage>

  /// - Parameter pointer: what `cnativeruntime_begin_cache_use()` returned on this thread; or `cnativeruntime_cache()`, for what
  ///   is no list: sites and what never changes.
  @inlinable
  init?(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer = unsafe pointer else { return nil }
    unsafe storage = pointer.assumingMemoryBound(to: ThreadCacheStorage.self)
  }

  /// Takes an idle block of a size class below `binCount`.
  @inlinable
  @inline(__always)
  func pop(_ bin: Int) -> LedgerEntry? {
    let head = unsafe storage.pointee.bins[unchecked: bin].head
    if head == 0 { return nil }
    let entry = unsafe LedgerEntry(record: storage.pointee.records + (Int(head) - 1))
    unsafe storage.pointee.bins[unchecked: bin].head = entry.link
    unsafe storage.pointee.roomByteCount &+= storage.pointee.bins[unchecked: bin].capacity
    return entry
  }

  /// Keeps an idle block of the shared arena.
  /// - Returns: whether there was room; if not, the list now is to be shortened with `spill`.
  @inlinable
  @inline(__always)
  func push(_ entry: LedgerEntry, bin: Int) -> Bool {
    let offset = unsafe UInt(bitPattern: entry.record) &- UInt(bitPattern: storage.pointee.records)
    entry.link = unsafe storage.pointee.bins[unchecked: bin].head
    unsafe storage.pointee.bins[unchecked: bin].head = UInt32(truncatingIfNeeded: offset >> 6 &+ 1)
    unsafe storage.pointee.roomByteCount &-= storage.pointee.bins[unchecked: bin].capacity
    return unsafe storage.pointee.roomByteCount >= 0
  }

  /// Takes an idle block of a class that threads do not keep from the shared arena's depot, nil where it has none.
  /// Two atomic operations on cache lines that other threads leave alone.
  @usableFromInline
  @inline(never)
  func takeShelved(_ sizeClass: Int) -> LedgerEntry? {
    unsafe storage.pointee.shelves.popUsual(sizeClass: sizeClass, capacity: SizeClass.byteCount(at: sizeClass))
  }

  /// Returns an idle block of the shared arena to its depot. Cost as ``takeShelved(_:)``.
  @inline(__always)
  func shelve(_ entry: LedgerEntry) {
    guard unsafe !storage.pointee.shelves.push(entry, capacity: entry.capacity) else { return }
    Arena.shared.depot.releaseSurplus(entry)
  }

  /// Counts a block that a deinit is about to release.
  @inline(__always)
  func recordRescue(of entry: LedgerEntry, at site: SiteID, byteCount: Int) {
    unsafe Ledger.recordRescue(at: site, byteCount: byteCount, siteRecords: storage.pointee.siteRecords)
    if UInt32(entry.classification.domain.rawValue) == (unsafe storage.pointee.domain) {
      unsafe storage.pointee.shelves.recordRescue()
    } else {
      ArenaDirectory.depot(of: entry)?.shelves.recordRescue()
    }
  }

  /// The number of a line of code, from the lines this thread saw last.
  /// - Parameter isCreation: see ``Ledger/intern(file:line:function:isCreation:)``.
  @inlinable
  @inline(__always)
  func site(file: StaticString, line: UInt, function: StaticString, isCreation: Bool = true) -> SiteID {
    // A text of one character may have no address. Of a literal that the compiler sees, this costs nothing.
    guard file.hasPointerRepresentation else {
      return Self.intern(file: file, line: line, function: function, isCreation: isCreation)
    }
    let address = UInt64(UInt(bitPattern: unsafe file.utf8Start))
    let key = address | UInt64(line) << 47
    let slot = Int(truncatingIfNeeded: (address >> 4) ^ UInt64(line)) & (ThreadCacheStorage.siteCount - 1)
    if unsafe storage.pointee.sites[unchecked: slot].key == key, line < 1 << 17 {
      return unsafe storage.pointee.sites[unchecked: slot].site
    }
    return lookUpSite(slot: slot, key: key, file: file, line: line, function: function, isCreation: isCreation)
  }

  @usableFromInline
  @inline(never)
  func lookUpSite(
    slot: Int, key: UInt64, file: StaticString, line: UInt, function: StaticString, isCreation: Bool
  ) -> SiteID {
    let site = Self.intern(file: file, line: line, function: function, isCreation: isCreation)
    if line < 1 << 17, site != .unknown {
      unsafe storage.pointee.sites[unchecked: slot].key = key
      unsafe storage.pointee.sites[unchecked: slot].site = site
    }
    return site
  }

  @usableFromInline
  @inline(never)
  static func intern(file: StaticString, line: UInt, function: StaticString, isCreation: Bool) -> SiteID {
    Ledger.shared.intern(file: file, line: line, function: function, isCreation: isCreation)
  }

  /// The scope for a resource created now.
  @inlinable
  var scope: UInt32 { unsafe ScopeTracking.scopeForNewResource(openCount: storage.pointee.openScopeCount) }
}
