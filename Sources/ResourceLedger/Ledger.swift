// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import Synchronization

// Chapters: Ledger.swift hands out entries · LedgerRegion.swift is the memory · LedgerLayout*.swift and the article
// Ledger-Layout.md have its bytes · Ledger+Header.swift and Ledger+Clock.swift write the header · Ledger+Child.swift is
// what a forked child does · LedgerEntry*.swift and EntryWord.swift are one entry and the protocol of its state word ·
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
  /// Less than a MiB of its memory is resident before it is used. Other processes of the same user can read it:
  /// see ``LedgerRegion``.
  ///
  /// Ends the process if there is no room even for 4,096 resources. Code that can throw calls ``makeShared()`` first.
  package static var shared: Ledger {
    switch lazyShared.value {
    case .success(let ledger): ledger
    case .failure(let error): fatalError("NativeBuffers: \(error)")
    }
  }
  static let lazyShared = ForkSafeLazy { Result { () throws(LedgerError) in try reserveShared() } }

  /// ``shared`` if it exists. Does not make it.
  static var sharedIfMade: Ledger? {
    guard lazyShared.isMade, case .success(let ledger) = lazyShared.value else { return nil }
    return ledger
  }

  /// Makes ``shared`` if it does not exist yet.
  /// - Throws: ``LedgerError`` if there is no room for it. This is tried once: later calls throw the same error.
  package static func makeShared() throws(LedgerError) { _ = try lazyShared.value.get() }

  /// Whether a descriptor is the file of the process's ledger. Cost: a system call.
  package static func owns(_ descriptor: Int32) -> Bool {
    sharedIfMade?.region.owns(descriptor) ?? false
  }

  /// The number of entries that the region has room for.
  package let entryCapacity: Int

  let region: LedgerRegion
  let layout: LedgerLayout
  let entries: UnsafeMutablePointer<EntryRecord>
  /// Whether this is the process's ledger: new lives then begin in the second that its clock gives.
  let isOfProcess: Bool
  /// When the ledger's seconds began, in nanoseconds of CLOCK_MONOTONIC.
  let secondsBegin: UInt64

  var base: UnsafeMutableRawPointer { unsafe region.base }

  /// Entries that were handed out before and were given back.
  let freeEntries = EntryStack()
  /// Guards the growth of the entries. In a forked child, it is held while the child settles.
  let growth = RankedLock(.ledgerGrowth)
  /// The fork after which this process has settled, see ``settleInChild()``; a generation of ``ForkGuard``.
  let settledGeneration = Atomic<Int>(ForkGuard.generation)
  /// Guards the site, string and domain records that are not published yet, and the variables from `siteNames` to
  /// `spareNumbers`.
  let interning = RankedLock(.ledgerRecords)
  var siteNames: [Site: SiteID] = [:]
  var strings: [String: (offset: UInt32, length: UInt32)] = [:]
  /// Domain numbers that were given back. Guarded by `interning`.
  var spareNumbers = SpareDomainNumbers()
  /// What domains counted whose records are other domains' by now.
  let pastEndedLives = Atomic<UInt64>(0)
  let pastRescues = Atomic<UInt64>(0)
  let siteIndex: SiteIndex
  /// Guards the fields of the clock in the header. Threads only try to take it.
  let clockLock = RankedLock(.ledgerClock)

  /// Reserves a ledger of its own; most code uses ``shared``.
  /// - Parameters:
  ///   - entryCapacity: how many entries to reserve address space for, 1 to 268,435,454; each takes 64 bytes.
  ///   - isShared: whether other processes can read it, like ``shared``.
  /// - Throws: ``LedgerError`` if the kernel gives no address space, or no memory for the first records.
  package convenience init(entryCapacity: Int, isShared: Bool = false) throws(LedgerError) {
    try self.init(entryCapacity: entryCapacity, memory: isShared ? .shared : .private)
  }

  convenience init(entryCapacity: Int, memory: LedgerRegion.Memory) throws(LedgerError) {
    try self.init(entryCapacity: entryCapacity, memory: memory, isOfProcess: false)
  }

  private init(entryCapacity: Int, memory: LedgerRegion.Memory, isOfProcess: Bool) throws(LedgerError) {
    precondition(MemoryLayout<EntryRecord>.stride == LedgerLayout.Kind.entries.recordSize)
    precondition((1..<(1 << 28 - 1)).contains(entryCapacity), "a ledger has 1 to 268,435,454 entries")
    self.entryCapacity = entryCapacity
    self.isOfProcess = isOfProcess
    let layout = LedgerLayout(entryCapacity: entryCapacity)
    self.layout = layout
    siteIndex = try SiteIndex(siteCapacity: layout.sites.capacity)
    region = try LedgerRegion(layout: layout, memory: memory)
    unsafe entries = (region.base + layout.entries.offset)
      .bindMemory(to: EntryRecord.self, capacity: entryCapacity)
    secondsBegin = MonotonicClock.now
    try makeFirstRecordsUsable()
    writeHeader()
  }

  /// Sets aside the room that the ledger has from the start: the header, the records that stand for "none", the tables
  /// that must have room when memory is short, and the first step of the entries and of the texts. So a file system
  /// without room for a first buffer is found out now, while the ledger can still go elsewhere.
  private func makeFirstRecordsUsable() throws(LedgerError) {
    var refused = region.makeHeaderUsable(upTo: layout.domains.offset)
    for table in layout.tables where table.kind.isWhole && refused == nil {
      refused = region.grow(table, upTo: table.end)
    }
    refused = refused ?? region.grow(layout.domains, upTo: layout.domains.offset + 1)
    for table in [layout.sites, layout.strings, layout.entries] where refused == nil {
      refused = region.grow(table, upTo: table.offset + 1)
    }
    if let refused { throw LedgerError(.growthFailed(entryCount: 0, errno: refused)) }
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
      let fits = layout.regionSize + SiteIndex.byteCount(siteCapacity: layout.sites.capacity) <= reservable / 16
      capacities = fits ? middle..<capacities.upperBound : capacities.lowerBound..<middle
    }
    return capacities.lowerBound
  }

  /// Makes the process's ledger: in a file if the user named one, and otherwise in memory. If other processes cannot
  /// read it, or it is not in the file that the user named, one line on standard error says why.
  private static func reserveShared() throws(LedgerError) -> Ledger {
    let capacity = capacity(reservable: ProcessMemory.reservableByteCount)
    guard let path = LedgerFile.path else {
      let ledger = try makeInMemory(entryCapacity: capacity)
      if let line = ledger.privacy { StandardError.print(line) }
      return ledger
    }
    do throws(LedgerFile.Refusal) {
      return try makeInFile(path, entryCapacity: capacity)
    } catch {
      let refusal = error
      let ledger = try makeInMemory(entryCapacity: capacity)
      StandardError.print(
        "\(refusal) The program goes on, with its ledger in memory"
          + (ledger.region.isShared ? "." : " that other processes cannot read."))
      return ledger
    }
  }

  /// What a user should know if other processes cannot read the ledger although they should.
  private var privacy: String? {
    guard let code = region.refusedFile else { return nil }
    return code == EFBIG
      ? "other processes cannot read this process's ledger, because the limit on the size of files (ulimit -f) is "
        + "below \(layout.regionSize) bytes. Raise the limit if you want to audit this process from outside."
      : "other processes cannot read this process's ledger, because the system gave no file for it "
        + "(\(systemMessage(code)))."
  }

  private static func makeInMemory(entryCapacity: Int) throws(LedgerError) -> Ledger {
    var capacity = entryCapacity
    while true {
      do throws(LedgerError) {
        return try Ledger(entryCapacity: capacity, memory: .shared, isOfProcess: true)
      } catch {
        // Another thread took the space meanwhile, or the kernel has other reasons.
        guard capacity > LedgerLayout.smallestEntryCapacity else { throw error }
        capacity = max(LedgerLayout.smallestEntryCapacity, capacity / 2)
      }
    }
  }

  /// Makes the process's ledger in a file.
  /// - Throws: ``LedgerFile/Refusal`` if the file cannot be made, or has no room for the first records.
  private static func makeInFile(_ path: String, entryCapacity: Int) throws(LedgerFile.Refusal) -> Ledger {
    let byteCount = LedgerLayout(entryCapacity: entryCapacity).regionSize
    let file = try LedgerFile.make(path, byteCount: byteCount)
    do throws(LedgerError) {
      return try Ledger(entryCapacity: entryCapacity, memory: .file(file, path: path), isOfProcess: true)
    } catch {
      throw LedgerFile.withdraw(path, error, byteCount: byteCount)
    }
  }

  /// The field of 8 bytes at an offset that LedgerLayout+Fields.swift names. It is valid as long as the ledger exists.
  package func atomic64(at offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    // SAFETY: the layout puts an aligned integer of this width there, written by atomic operations only.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
  /// The same for a field of 4 bytes.
  package func atomic32(at offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    // SAFETY: as in `atomic64(at:)`.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// The offset of a table's record, for ``atomic64(at:)``; nil if the ledger has no such record. Of the tables whose
  /// room is set aside when the ledger is made, every record may be used.
  package func offset(of index: Int, in kind: LedgerLayout.Kind) -> Int? {
    let table = layout.table(kind)
    return (0..<table.capacity).contains(index) ? table.offset + index * kind.recordSize : nil
  }

  // MARK: Entries

  /// The record of index 0. The other records follow it in order.
  package var firstRecord: UnsafeMutablePointer<EntryRecord> { unsafe entries }

  package func index(of entry: LedgerEntry) -> Int { unsafe entry.record - entries }

  /// The entry at an index below ``entryCount``.
  package func entry(at index: Int) -> LedgerEntry { unsafe LedgerEntry(record: entries + index) }

  /// The number of entries ever handed out: only these need to be read.
  package var entryCount: Int {
    Int(unsafe count(of: .entries).pointee.load(ordering: .acquiring))
  }

  /// Takes an entry for a resource. It stays in state `free` until the caller changes that.
  /// Cost: two atomic operations, or a lock if the ledger grows.
  /// - Throws: ``LedgerError`` if every entry is in use, or if the kernel gives no memory for more.
  package func acquireEntry(_ classification: LedgerEntry.Classification) throws(LedgerError) -> LedgerEntry {
    settleInChild()
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
    settleInChild()
    let lives = entry.endedLives
    // No domain: the mark of an entry that is on the list, see `settleInChild()`.
    entry.classification = LedgerEntry.Classification(rawValue: 0)
    entry.setState(.free)
    // An entry in its last generation stays free and is never handed out again.
    if entry.word.generation < EntryWord.lastGeneration { freeEntries.push(entry, in: self) }
    return lives
  }

  private func appendEntry() throws(LedgerError) -> LedgerEntry {
    let count = entryCount
    guard count < entryCapacity else { throw LedgerError(.full(entryCapacity: entryCapacity)) }
    let end = layout.entries.offset + (count + 1) * LedgerLayout.Kind.entries.recordSize
    if let errno = region.grow(layout.entries, upTo: end) {
      throw LedgerError(.growthFailed(entryCount: count, errno: errno))
    }
    unsafe self.count(of: .entries).pointee.store(UInt64(count + 1), ordering: .releasing)
    return entry(at: count)
  }
}

extension EntryStack {
  package func push(_ entry: LedgerEntry, in ledger: Ledger) { unsafe push(entry, records: ledger.entries) }

  package func pop(in ledger: Ledger) -> LedgerEntry? { unsafe pop(records: ledger.entries) }
}
