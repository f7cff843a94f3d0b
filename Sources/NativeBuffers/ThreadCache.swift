import CThreadState
import Glibc
import JemallocArenas
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

  @usableFromInline struct Bin {
    /// Index plus one of the entry on top; 0 for none.
    @usableFromInline var head: UInt32 = 0
    /// Bytes of one block of the class.
    @usableFromInline let capacity: Int
    init(capacity: Int) { self.capacity = capacity }
  }

  /// First: at the storage's own address, which is in a register already. Elsewhere a `NativeBuffer` costs five
  /// instructions more.
  @usableFromInline var sites = SiteCache()
  @usableFromInline var bins = InlineArray<57, Bin> { Bin(capacity: SizeClass.byteCount(at: $0)) }
  /// Bytes that may still be kept; below 0 for a moment only.
  @usableFromInline var roomByteCount: Int
  @usableFromInline let domain: UInt32
  @usableFromInline let records: UnsafeMutablePointer<EntryRecord>
  @usableFromInline let openScopeCount: UnsafeMutablePointer<Atomic<Int>>
  /// Where the thread finds its cache. Under ThreadCaches.lock from others.
  let record = unsafe cthreadstate_current()
  /// Whether it does find it: see ThreadCaches. Under ThreadCaches.lock.
  var isAttached = false
  /// Where rescues are counted by site.
  let siteRecords = unsafe Ledger.shared.siteRecords
  /// The shared arena's depot, for blocks that threads do not keep.
  let shelves: DepotShelves
  /// The other threads' caches, for fork. Under ThreadCaches.lock.
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

/// A thread's cache: its lists are for that thread between `cthreadstate_enter()` and `cthreadstate_leave()`,
/// and for whoever has a window into it.
// SAFETY: the storage lives until its thread ends, and is used by one at a time.
@usableFromInline
@safe struct ThreadCache {
  @usableFromInline let storage: UnsafeMutablePointer<ThreadCacheStorage>

  /// - Parameter pointer: what `cthreadstate_enter()` returned on this thread; or `cthreadstate_cache()`, for what
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
    Depot.of(Arena.shared).surrender(entry)
  }

  /// Counts a block that a deinit is about to release.
  @inline(__always)
  func recordRescue(of entry: LedgerEntry, at site: SiteID, byteCount: Int) {
    unsafe Ledger.recordRescue(at: site, byteCount: byteCount, siteRecords: storage.pointee.siteRecords)
    if UInt32(entry.classification.domain.rawValue) == (unsafe storage.pointee.domain) {
      unsafe storage.pointee.shelves.recordRescue()
    } else {
      Depot.of(entry)?.shelves.recordRescue()
    }
  }

  /// The number of a line of code, from the lines this thread saw last.
  @inlinable
  @inline(__always)
  func site(file: StaticString, line: UInt, function: StaticString) -> SiteID {
    unsafe storage.pointee.sites.site(file: file, line: line, function: function)
  }

  /// The scope for a resource created now.
  @inlinable
  var scope: UInt32 { unsafe ScopeTracking.scopeForNewResource(openCount: storage.pointee.openScopeCount) }
}
