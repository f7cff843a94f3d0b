// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Memory that other code allocated and a buffer adopted: keeps its ledger entries, and how it is given back.
package enum AdoptedMemory {
  package typealias Deallocator = @Sendable (UnsafeMutableRawPointer) -> Void

  /// A kind of adopted memory. Each has a domain of its own, so that reports say whose memory it is.
  package final class Source: Sendable {
    private let domain: ForkSafeLazy<Result<DomainID, LedgerError>>

    /// - Parameter name: the name of the domain in reports.
    package init(name: StaticString) {
      domain = ForkSafeLazy {
        Result { () throws(LedgerError) in try Ledger.shared.addDomain(.adoptedMemory, name: "\(name)").id }
      }
    }

    func domainID() throws(LedgerError) -> DomainID { try domain.value.get() }

    /// Whether an entry is of this source. Takes no lock, and adds no domain.
    func owns(_ entry: LedgerEntry) -> Bool {
      guard domain.isMade, case .success(let id) = domain.value else { return false }
      return entry.classification.domain == id.number
    }

    fileprivate func makeStatics() { ForkGuard.touch(domain) }
  }

  /// Memory that the program adopted.
  static let program = Source(name: "adopted memory")
  static let mappedFiles = Source(name: "mapped files")
  /// Memory of values of other packages, which a buffer shares with them. The products that are bridges add to these
  /// domains. They are here, because they must be made before `main`.
  package static let foundationData = Source(name: "Data")
  package static let dispatchData = Source(name: "DispatchData")
  package static let byteBuffers = Source(name: "ByteBuffer")

  /// What belongs to the life of an entry, and has no room in it.
  // SAFETY: the deallocator is called once, with the memory that it was handed over with.
  @safe private struct Holding {
    let key: EntryWord
    let deallocator: Deallocator
    /// Whether another value still shares the bytes. Such a life keeps a shared pin of its own from its beginning until
    /// the buffer is disposed, so that every exclusive access is refused, at no cost to other buffers.
    let isReadOnly: Bool
  }

  private static let lock = RankedLock(.adoptedMemory)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var holdings: [Int: Holding] = [:]

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(holdings)
    for source in [program, mappedFiles, foundationData, dispatchData, byteBuffers] { source.makeStatics() }
  }

  /// Whether an entry stands for adopted memory, and not for a block of an arena. The entry's domain says so.
  static func owns(_ entry: LedgerEntry) -> Bool {
    Ledger.shared.domainKind(entry.classification.domain) == .adoptedMemory
  }

  /// Whether the life that `key` began is of memory that must not be changed. False if that life has ended: the entry
  /// may have another owner by now.
  static func isReadOnly(_ entry: LedgerEntry, key: EntryWord) -> Bool {
    guard owns(entry) else { return false }
    let holding = lock.withLock { unsafe holdings[Ledger.shared.index(of: entry)] }
    return holding?.key == key && holding?.isReadOnly == true
  }

  /// Begins the life of an entry for memory that other code allocated.
  static func adopt(
    _ base: UnsafeMutableRawPointer, byteCount: Int, readOnly: Bool, from source: Source, site: SiteID,
    deallocator: @escaping Deallocator
  ) throws(LedgerError) -> Block {
    let entry = try Ledger.shared.acquireEntry(.init(domain: try source.domainID(), bucket: 0))
    entry.address = UInt(bitPattern: base)
    entry.capacity = byteCount
    entry.alignmentLog2 = 0
    let key = entry.beginLife(byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource)
    if readOnly { _ = entry.pin(key: key) }
    let holding = unsafe Holding(key: key, deallocator: deallocator, isReadOnly: readOnly)
    lock.withLock { unsafe holdings[Ledger.shared.index(of: entry)] = holding }
    return unsafe Block(base: base, byteCount: byteCount, entry: entry, key: key)
  }

  /// Ends the pin that a read-only life keeps. Called once for each life, by the thread whose request to release it was
  /// the first, if that found a pin.
  static func endOwnPin(of entry: LedgerEntry, key: EntryWord) {
    if isReadOnly(entry, key: key), entry.unpin() { Block.releasePinned(entry) }
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
    let holding = lock.withLock { unsafe holdings.removeValue(forKey: Ledger.shared.index(of: entry)) }
    _ = entry.endLife(as: .free)
    Ledger.shared.releaseEntry(entry)
    return unsafe holding?.deallocator
  }
}
