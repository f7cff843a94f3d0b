// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import Synchronization

// Chapters: Ledger.swift holds the region and hands out entries · LedgerLayout.swift and the article Ledger-Layout.md
// have its bytes · LedgerEntry*.swift and EntryWord.swift are one entry and the protocol of its state word ·
// Ledger+Sites.swift interns lines of code · Ledger+Domains.swift names kinds of resources · Ledger+Reading.swift adds
// up entries.
//
// LockRank is the order of locks for the whole package.

/// The registry's table: one 64-byte entry per resource, in memory that is reserved once and never moved.
///
/// Entries are handed out and taken back without a lock, except when the ledger grows. The state of an entry changes by
/// one atomic operation on its own word.
// SAFETY: the region is never remapped; what changes in it is atomic, or guarded by the lock that its comment names.
@safe package final class Ledger: @unchecked Sendable {
  /// The process's ledger. It has room for 16,777,216 resources.
  ///
  /// If the process's address space is limited (`ulimit -v`), the ledger takes at most a sixteenth of what is left at
  /// the first use, and has room for as many resources and lines of code as fit there. From 64 MiB on, that is one
  /// resource for each 1 to 2.5 KiB that is left. It has room for 4,096 resources at least, for which it takes 2.2 MiB.
  /// None of its memory is resident before it is used.
  ///
  /// Ends the process if there is no room even for 4,096 resources. Code that can throw calls ``makeShared()`` first.
  package static var shared: Ledger {
    switch lazyShared.value {
    case .success(let ledger): ledger
    case .failure(let error): fatalError("NativeBuffers: \(error)")
    }
  }
  static let lazyShared = ForkSafeLazy { Result { () throws(LedgerError) in try reserveShared() } }

  /// Makes ``shared`` if it does not exist yet.
  /// - Throws: ``LedgerError`` if there is no room for it. This is tried once: later calls throw the same error.
  package static func makeShared() throws(LedgerError) { _ = try lazyShared.value.get() }

  /// The number of entries that the region has room for.
  package let entryCapacity: Int

  let base: UnsafeMutableRawPointer
  let layout: LedgerLayout
  let entries: UnsafeMutablePointer<EntryRecord>

  /// Entries that were handed out before and were given back.
  let freeEntries = EntryStack()
  /// Guards `committedEntries` and the growth of `entryCount`.
  let growth = RankedLock(.ledgerGrowth)
  /// The number of entries whose memory is readable and writable. Guarded by `growth`.
  var committedEntries = 0
  /// Guards the site, string and domain records that are not published yet, and the variables from `siteNames` to
  /// `spareNumbers`.
  let interning = RankedLock(.ledgerRecords)
  var siteNames: [Site: SiteID] = [:]
  var strings: [String: (offset: UInt32, length: UInt32)] = [:]
  /// The offsets where the readable and writable bytes of sites, and of their texts, end. Guarded by `interning`.
  var committedSites = LedgerLayout.sitesOffset
  var committedStrings: Int
  /// Domain numbers that were given back. Guarded by `interning`.
  var spareNumbers = SpareDomainNumbers()
  let siteIndex: SiteIndex
  private let childAction: ForkGuard.Member

  /// Reserves a ledger of its own; most code uses ``shared``.
  /// - Parameter entryCapacity: how many entries to reserve address space for, 1 to 268,435,454; each takes 64 bytes.
  /// - Throws: ``LedgerError`` if the kernel gives no address space, or no memory for the first records.
  package init(entryCapacity: Int) throws(LedgerError) {
    precondition(MemoryLayout<EntryRecord>.stride == LedgerLayout.recordSize)
    precondition((1..<(1 << 28 - 1)).contains(entryCapacity), "a ledger has 1 to 268,435,454 entries")
    self.entryCapacity = entryCapacity
    layout = LedgerLayout(entryCapacity: entryCapacity)
    committedStrings = layout.stringsOffset
    // Made before the region, so that there is nothing to undo if this throws.
    siteIndex = try SiteIndex(siteCapacity: layout.siteCapacity)
    // SAFETY: a fresh private mapping; zero bytes are valid for every record (all integers and atomics).
    let region = unsafe mmap(nil, layout.regionSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else {
      throw LedgerError(.reservationFailed(byteCount: layout.regionSize, errno: errno))
    }
    let committed = min(LedgerLayout.sitesOffset + LedgerLayout.commitStep, layout.stringsOffset)
    guard unsafe mprotect(region, committed, PROT_READ | PROT_WRITE) == 0 else {
      let code = errno
      unsafe munmap(region, layout.regionSize)
      throw LedgerError(.growthFailed(entryCount: 0, errno: code))
    }
    unsafe base = region
    committedSites = committed
    unsafe entries = (region + layout.entriesOffset)
      .bindMemory(to: EntryRecord.self, capacity: entryCapacity)
    // A forked child goes on with its own copy of the region, whose header must name the child.
    childAction = ForkGuard.onChild { unsafe Self.writeProcess(to: region) }
    writeHeader()
  }

  deinit {
    childAction.leaveNow()
    unsafe munmap(base, layout.regionSize)
  }

  /// The number of entries for the address space that is left. Only a part of that space is used, because the memory
  /// that the entries stand for needs room, too. A ledger with few entries has fewer records of lines (see
  /// LedgerLayout), so the proportion also holds in small spaces.
  static func capacity(reservable: Int?) -> Int {
    guard let reservable else { return LedgerLayout.largestEntryCapacity }
    var capacities = LedgerLayout.smallestEntryCapacity..<LedgerLayout.largestEntryCapacity + 1
    while capacities.count > 1 {
      let middle = capacities.lowerBound + capacities.count / 2
      let layout = LedgerLayout(entryCapacity: middle)
      let fits = layout.regionSize + SiteIndex.byteCount(siteCapacity: layout.siteCapacity) <= reservable / 16
      capacities = fits ? middle..<capacities.upperBound : capacities.lowerBound..<middle
    }
    return capacities.lowerBound
  }

  private static func reserveShared() throws(LedgerError) -> Ledger {
    var capacity = capacity(reservable: ProcessMemory.reservableByteCount)
    while true {
      do throws(LedgerError) {
        return try Ledger(entryCapacity: capacity)
      } catch {
        // Another thread took the space meanwhile, or the kernel has other reasons.
        guard capacity > LedgerLayout.smallestEntryCapacity else { throw error }
        capacity = max(LedgerLayout.smallestEntryCapacity, capacity / 2)
      }
    }
  }

  private func writeHeader() {
    unsafe base.storeBytes(of: LedgerLayout.version, toByteOffset: LedgerLayout.versionOffset, as: UInt32.self)
    unsafe Self.writeProcess(to: base)
    for (offset, value) in [
      (LedgerLayout.entriesOffsetOffset, layout.entriesOffset),
      (LedgerLayout.entryCapacityOffset, entryCapacity),
      (LedgerLayout.sitesOffsetOffset, LedgerLayout.sitesOffset),
      (LedgerLayout.stringsOffsetOffset, layout.stringsOffset),
      (LedgerLayout.stringsCapacityOffset, layout.stringsCapacity),
      (LedgerLayout.domainsOffsetOffset, LedgerLayout.domainsOffset),
    ] {
      unsafe base.storeBytes(of: UInt64(value), toByteOffset: offset, as: UInt64.self)
    }
    unsafe base.storeBytes(
      of: UInt32(layout.siteCapacity), toByteOffset: LedgerLayout.siteCapacityOffset, as: UInt32.self)
    unsafe base.storeBytes(
      of: UInt32(LedgerLayout.domainCapacity), toByteOffset: LedgerLayout.domainCapacityOffset, as: UInt32.self)
    unsafe atomic32(at: LedgerLayout.siteCountOffset).pointee.store(1, ordering: .releasing)
    unsafe atomic32(at: LedgerLayout.domainCountOffset).pointee.store(1, ordering: .releasing)
    // Stored last, so that a reader that sees the magic sees a whole header.
    unsafe atomic64(at: 0).pointee.store(LedgerLayout.magic, ordering: .releasing)
  }

  private static func writeProcess(to region: UnsafeMutableRawPointer) {
    // SAFETY: as in `atomic32(at:)`.
    let word = unsafe (region + LedgerLayout.processOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
    unsafe word.pointee.store(UInt32(bitPattern: getpid()), ordering: .releasing)
  }

  /// The field of 8 bytes at an offset that LedgerLayout.swift names. It is valid as long as the ledger exists.
  func atomic64(at offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    // SAFETY: the layout puts an aligned integer of this width there, written by atomic operations only.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
  /// The same for a field of 4 bytes.
  func atomic32(at offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    // SAFETY: as in `atomic64(at:)`.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  // MARK: Entries

  /// The record of index 0. The other records follow it in order.
  package var firstRecord: UnsafeMutablePointer<EntryRecord> { unsafe entries }

  package func index(of entry: LedgerEntry) -> Int { unsafe entry.record - entries }

  /// The entry at an index below ``entryCount``.
  package func entry(at index: Int) -> LedgerEntry { unsafe LedgerEntry(record: entries + index) }

  /// The number of entries ever handed out: only these need to be read.
  package var entryCount: Int {
    Int(unsafe atomic64(at: LedgerLayout.entryCountOffset).pointee.load(ordering: .acquiring))
  }

  /// Takes an entry for a resource. It stays in state `free` until the caller changes that.
  /// Cost: two atomic operations, or a lock if the ledger grows.
  /// - Throws: ``LedgerError`` if every entry is in use, or if the kernel gives no memory for more.
  package func acquireEntry(_ classification: LedgerEntry.Classification) throws(LedgerError) -> LedgerEntry {
    let entry: LedgerEntry
    if let free = freeEntries.pop(in: self) {
      entry = free
    } else {
      entry = try growth.withLock { () throws(LedgerError) in try appendEntry() }
    }
    entry.beginMembership(classification)
    return entry
  }

  /// Gives an entry back. The caller owns it, and it has no resource any more.
  /// - Returns: the number of lives that ended in its domain, which the domain adds to its own sum.
  @discardableResult
  package func releaseEntry(_ entry: LedgerEntry) -> Int {
    let lives = entry.endedLives
    entry.setState(.free)
    // An entry in its last generation stays free and is never handed out again.
    if entry.word.generation < EntryWord.lastGeneration { freeEntries.push(entry, in: self) }
    return lives
  }

  /// How many entries are made readable and writable at a time: 1 MiB of them.
  private static let growthStep = 16_384

  private func appendEntry() throws(LedgerError) -> LedgerEntry {
    let count = entryCount
    guard count < entryCapacity else { throw LedgerError(.full(entryCapacity: entryCapacity)) }
    if count == committedEntries {
      let added = min(Self.growthStep, entryCapacity - count)
      let start = unsafe UnsafeMutableRawPointer(entries + count)
      guard unsafe mprotect(start, added * LedgerLayout.recordSize, PROT_READ | PROT_WRITE) == 0 else {
        throw LedgerError(.growthFailed(entryCount: count, errno: errno))
      }
      committedEntries += added
    }
    unsafe atomic64(at: LedgerLayout.entryCountOffset).pointee.store(UInt64(count + 1), ordering: .releasing)
    return entry(at: count)
  }
}

extension EntryStack {
  package func push(_ entry: LedgerEntry, in ledger: Ledger) { unsafe push(entry, records: ledger.entries) }

  package func pop(in ledger: Ledger) -> LedgerEntry? { unsafe pop(records: ledger.entries) }
}
