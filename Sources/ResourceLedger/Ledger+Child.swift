// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import NativeSynchronization
import Synchronization

// What a forked child does with its copy of the ledger.
//
// The parent made the copy a moment before the fork, while the forking thread held all locks. Threads that take no lock
// were not stopped: they take idle blocks, and dispose buffers, by one change of an entry's word. So for the entries
// that such a thread changed meanwhile, the copy is older than the rest of the child's memory:
//
//   parent's thread                            in the child
//   takes an idle block for a new buffer       the buffer may be in the child's memory, the copy says "idle"
//   disposes a buffer                          the copy says "live"; the entry may have had any number of lives since
//
// The child can still read the parent's entries, and they are never older than its own memory. If no life began or
// ended there since the copy, none did during the fork. Otherwise, the entry is *in doubt*: perhaps the life began or
// ended only after the fork. The child never uses the block of such an entry for another buffer, and lets its
// generation skip so many numbers that no handle from the time of the fork fits a later life. What the child itself
// made before the fork, and what no other thread changed, it uses and disposes as always.
//
// If the region is private memory, the child's copy of it is the kernel's, and nothing is in doubt.

extension Ledger {
  /// Called between the handlers of `fork`: puts the copy into its place, and says whose it is.
  static func beginInChild(_ region: UnsafeMutablePointer<cnativeruntime_region>) {
    guard unsafe cnativeruntime_region_take_copy(region), let bytes = unsafe region.pointee.base else { return }
    let base = UnsafeMutableRawPointer(bytes)
    unsafe setState(.beingMade, of: base)
    unsafe clearMaintained(of: base)
    unsafe clearAnswers(of: base)
    unsafe writeIdentity(to: base, isForkedChild: true)
    unsafe setState(.inUse, of: base)
  }

  /// In a forked child, finds the entries that are in doubt, and makes the list of free entries anew. Every slow path
  /// that takes entries or blocks calls this first. Happens once.
  /// Cost: one load if there is nothing to do; otherwise 64 bytes of memory are read per entry ever in use at the same
  /// time, twice.
  package func settleInChild() {
    let generation = ForkGuard.generation
    if settledGeneration.load(ordering: .acquiring) == generation { return }
    growth.withLock {
      guard settledGeneration.load(ordering: .relaxed) != generation else { return }
      if unsafe region.state.pointee.is_copy { settle() }
      settledGeneration.store(generation, ordering: .releasing)
    }
  }

  private func settle() {
    let view = unsafe region.state.pointee.child_view.map { UnsafeRawPointer($0) }
    let isArena = (0..<domainCount).map { domainKind(DomainNumber(rawValue: UInt16($0))) == .arena }
    freeEntries.forget()
    for index in 0..<entryCount {
      let entry = entry(at: index)
      // SAFETY: the view has as many entries as the copy, and the child has added none yet.
      let parents = unsafe view.map { view in
        let word = unsafe view + index * LedgerLayout.Kind.entries.recordSize
        return unsafe EntryWord(
          rawValue: word.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .relaxed))
      }
      settle(entry, parents: parents, isArena: isArena)
    }
    unsafe cnativeruntime_region_drop_child_view(region.state)
    unsafe region.state.pointee.is_settled = true
  }

  private func settle(_ entry: LedgerEntry, parents: EntryWord?, isArena: [Bool]) {
    let word = entry.word
    // Whether the entry has had no other life since the copy, as far as the parent's entry says.
    let isOfSameGeneration = parents.map { $0.generation == word.generation } ?? false
    let isLiveInParent = parents.map { $0.state == .live } ?? true
    switch word.state {
    case .free:
      // Other free entries belong to registrations, or to the list of a thread.
      guard entry.classification.rawValue == 0 else { return }
      if !isOfSameGeneration || isLiveInParent { entry.skipGenerations() }
      if entry.word.generation < EntryWord.lastGeneration { freeEntries.push(entry, in: self) }
    case .idle:
      guard !isOfSameGeneration || isLiveInParent else { return }
      entry.skipGenerations()
      entry.setState(.quarantined)
    case .live:
      let domain = Int(entry.classification.domain.rawValue)
      guard domain < isArena.count, isArena[domain] else { return }
      let isReleased = parents.map { $0.isReleaseRequested || $0.isDetached } ?? true
      if !isOfSameGeneration || !isLiveInParent || isReleased { entry.insert(.isInDoubt) }
    case .quarantined: break
    }
  }
}

extension EntryStack {
  /// Empties the list without looking at its entries. No other thread may use the list meanwhile.
  package func forget() { head.store(0, ordering: .relaxed) }
}

extension LedgerEntry {
  /// More lives than an entry can have during a fork: a life takes some nanoseconds, and a fork less than a second.
  private static var skippedGenerations: UInt64 { 1 << 30 }

  /// Lets the generation skip numbers that handles from the time of a fork may have. The number of ended lives stays.
  fileprivate func skipGenerations() {
    let word = word
    let generation = min(word.generation + Self.skippedGenerations, EntryWord.lastGeneration)
    let first = min(firstGeneration + (generation - word.generation), EntryWord.lastGeneration)
    unsafe record.pointee.membership.store(
      unsafe record.pointee.membership.load(ordering: .relaxed) & ~EntryWord.lastGeneration | first, ordering: .relaxed)
    let below = (1 as UInt64) << EntryWord.generationShift - 1
    unsafe record.pointee.word.store(
      word.rawValue & below | generation << EntryWord.generationShift, ordering: .releasing)
  }

  /// Ends the life of a block that is in doubt, and holds the block back. The caller claimed the release.
  package func holdBackInDoubt() {
    skipGenerations()
    _ = endLife(as: .quarantined)
    clearFlags()
  }
}
