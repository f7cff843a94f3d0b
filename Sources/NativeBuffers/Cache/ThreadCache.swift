// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
public import ResourceLedger
public import Synchronization

// The fast path. Each thread keeps idle blocks of the shared arena, with their ledger entries, in one list per size
// class. Taking or returning a block is a handful of loads and stores to memory that usually only this thread writes:
// no lock, no system call, no atomic read-modify-write.
//
//     create + dispose of a `UniqueBuffer`: 4 to 6 ns; the same from 64 B to 512 KiB.
//
// Larger blocks, blocks of other arenas, and blocks aligned to more than a cache line go to the arena's depot. An empty
// list is filled from the depot, and a list that is too long gives blocks back to it, in batches, so that one thread
// may create buffers that another thread disposes. A thread marks by one store before and one store after that it uses
// its lists, so that maintenance can look into them at other times: see ThreadCaches+Quiescing.swift.
//
// Invariants: every listed entry is idle, of the shared arena, and of its bin's size class;
// roomByteCount == limit - bytes of all listed blocks.

/// A thread's idle blocks. Only the owning thread writes the lists, except while maintenance keeps it out of them.
// SAFETY: the pointers lead to memory that is never freed, or to caches that ThreadCaches.lock guards.
@usableFromInline
@safe struct ThreadCacheStorage: ~Copyable {
  /// Size classes up to ``largestByteCount`` have numbers below this one.
  @inlinable static var binCount: Int { 57 }
  /// The size of the largest block that threads keep, in bytes.
  @inlinable static var largestByteCount: Int { 512 << 10 }

  @usableFromInline struct Bin {
    /// The link to the entry on top; 0 for none.
    @usableFromInline var head: UInt32 = 0
    /// Bytes of one block of the class.
    @usableFromInline let capacity: Int
    init(capacity: Int) { self.capacity = capacity }
  }

  @usableFromInline var bins = InlineArray<57, Bin> { Bin(capacity: SizeClass.byteCount(at: $0)) }
  /// Bytes that the thread may still keep; below 0 only for a moment.
  @usableFromInline var roomByteCount: Int
  @usableFromInline let domain: UInt32
  @usableFromInline let records: UnsafeMutablePointer<EntryRecord>
  @usableFromInline let openScopeCount: UnsafeMutablePointer<Atomic<Int>>
  /// The thread's record, which points to this cache. Other threads use it only under ThreadCaches.lock.
  let record = unsafe cnativeruntime_current_thread()
  /// Whether the thread's record points to this cache; while it is quiesced, it does not: see ThreadCaches. Guarded by
  /// ThreadCaches.lock.
  var isAttached = false
  /// The records in which rescues are counted by site.
  let siteRecords = unsafe Ledger.shared.siteRecords
  /// The shared arena's depot, for blocks that threads do not keep.
  let depot: Depot
  /// The process whose thread the cache belongs to, see ``ForkGuard/generation``. Guarded by ThreadCaches.lock.
  var generation = ForkGuard.generation
  /// The neighbours in the list of all threads' caches. Guarded by ThreadCaches.lock.
  var next: UnsafeMutablePointer<ThreadCacheStorage>?
  var previous: UnsafeMutablePointer<ThreadCacheStorage>?

  init(domain: DomainID, roomByteCount: Int, depot: Depot) {
    self.depot = depot
    self.roomByteCount = roomByteCount
    self.domain = UInt32(domain.rawValue)
    unsafe records = Ledger.shared.firstRecord
    unsafe openScopeCount = ScopeTracking.openCount
  }
}

/// A reference to a thread's cache. Its lists may be used by that thread, between
/// `cnativeruntime_enter_cache_as_owner()` and `cnativeruntime_leave_cache_as_owner()`, or by a thread that quiesced
/// it.
// SAFETY: the storage lives until its thread ends, and only one thread at a time uses its lists.
@usableFromInline
@safe struct ThreadCache {
  @usableFromInline let storage: UnsafeMutablePointer<ThreadCacheStorage>

  /// - Parameter pointer: what `cnativeruntime_enter_cache_as_owner()` returned on this thread; or what
  ///   `cnativeruntime_cache()` returned, if only constants are used and not the lists.
  @inlinable
  init?(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer = unsafe pointer else { return nil }
    unsafe storage = pointer.assumingMemoryBound(to: ThreadCacheStorage.self)
  }

  /// Takes an idle block of a size class below `binCount`; nil if the list is empty.
  @inlinable
  @inline(__always)
  func pop(_ bin: Int) -> LedgerEntry? {
    let head = unsafe storage.pointee.bins[unchecked: bin].head
    if head == 0 { return nil }
    let entry = unsafe LedgerEntry(link: head, records: storage.pointee.records)
    unsafe storage.pointee.bins[unchecked: bin].head = entry.link
    unsafe storage.pointee.roomByteCount &+= storage.pointee.bins[unchecked: bin].capacity
    return entry
  }

  /// Keeps an idle block of the shared arena. If the cache has too many bytes then, gives batches to the depot:
  /// ThreadCache+FullOrEmpty.swift.
  @inlinable
  @inline(__always)
  func push(_ entry: LedgerEntry, bin: Int) {
    entry.link = unsafe storage.pointee.bins[unchecked: bin].head
    unsafe storage.pointee.bins[unchecked: bin].head = entry.linkToSelf(records: storage.pointee.records)
    unsafe storage.pointee.roomByteCount &-= storage.pointee.bins[unchecked: bin].capacity
    if unsafe storage.pointee.roomByteCount < 0 { makeRoom(bin) }
  }

  /// Takes an idle block of a class that threads do not keep from the shared arena's depot; nil if the depot has none.
  /// Cost: two atomic operations, usually on cache lines that no other thread uses.
  @usableFromInline
  @inline(never)
  func takeFromDepot(_ sizeClass: Int) -> LedgerEntry? {
    unsafe storage.pointee.depot.popUsual(sizeClass: sizeClass, capacity: SizeClass.byteCount(at: sizeClass))
  }

  /// Returns an idle block of the shared arena to its depot. Cost as ``takeFromDepot(_:)``.
  @inline(__always)
  func pushToDepot(_ entry: LedgerEntry, sizeClass: Int) -> Depot.PushOutcome {
    unsafe storage.pointee.depot.push(from: entry, to: entry, sizeClass: sizeClass, byteCount: entry.capacity)
  }

  /// The size class of a block of the shared arena whose life has no flags. For all other lives, a number that is no
  /// size class.
  @inlinable
  @inline(__always)
  func sizeClass(of entry: LedgerEntry) -> Int {
    // The domain is in the low half, the size class in the high half, and flags above it. Rotating puts the bits of the
    // domain on top, so another domain makes the number too large, and so does a flag.
    let difference = entry.classification.rawValue ^ (unsafe storage.pointee.domain)
    return Int(difference >> 16 | difference << 16)
  }

  /// The scope of a resource that is created now.
  @inlinable
  var scope: CreationScope { unsafe ScopeTracking.scopeForNewResource(openCount: storage.pointee.openScopeCount) }
}
