// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Memory that other code allocated and a buffer adopted: keeps its ledger entries and its deallocators.
enum AdoptedMemory {
  typealias Deallocator = @Sendable (UnsafeMutableRawPointer) -> Void

  private static let lock = RankedLock(.adoptedMemory)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var deallocators: [Int: Deallocator] = unsafe [:]

  private static let domain = ForkSafeLazy {
    Result { () throws(LedgerError) in try Ledger.shared.addDomain(.adoptedMemory, name: "adopted memory").id }
  }

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(deallocators)
    ForkGuard.touch(domain)
  }

  /// Whether an entry stands for adopted memory, and not for a block of an arena. The entry's domain says so.
  static func owns(_ entry: LedgerEntry) -> Bool {
    // If the domain is not made, nothing was adopted yet.
    guard domain.isMade, case .success(let id) = domain.value else { return false }
    return entry.classification.domain == id.number
  }

  /// Begins the life of an entry for memory that other code allocated.
  /// - Returns: the entry and the key of its life.
  static func adopt(
    _ base: UnsafeMutableRawPointer, byteCount: Int, site: SiteID, deallocator: @escaping Deallocator
  ) throws(LedgerError) -> (entry: LedgerEntry, key: EntryWord) {
    let entry = try Ledger.shared.acquireEntry(.init(domain: try domain.value.get(), bucket: 0))
    lock.withLock { unsafe deallocators[Ledger.shared.index(of: entry)] = deallocator }
    entry.address = UInt(bitPattern: base)
    entry.capacity = byteCount
    entry.alignmentLog2 = 0
    return (entry, entry.beginLife(byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource))
  }

  /// Runs the deallocator of an entry whose release was claimed, on this thread and under no lock of this library.
  static func release(_ entry: LedgerEntry) {
    // SAFETY: the release was claimed, so no other code reaches the memory.
    let base = unsafe UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
    let deallocator = unsafe forget(entry)
    unsafe deallocator?(base)
  }

  /// Takes an entry out of the ledger without running its deallocator.
  @discardableResult
  static func forget(_ entry: LedgerEntry) -> Deallocator? {
    let deallocator = unsafe lock.withLock { unsafe deallocators.removeValue(forKey: Ledger.shared.index(of: entry)) }
    _ = entry.endLife(as: .free)
    Ledger.shared.releaseEntry(entry)
    return unsafe deallocator
  }
}
