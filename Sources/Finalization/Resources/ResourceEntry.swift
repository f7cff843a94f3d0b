// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
public import ResourceLedger
import Synchronization

/// A native resource's life in the ledger: its entry, and the key of that life.
@usableFromInline
struct ResourceEntry: Sendable {
  @usableFromInline let entry: LedgerEntry
  @usableFromInline let key: EntryWord
  @usableFromInline let createdSite: SiteID

  /// The domain of resources that are created without a domain.
  private static let common = ForkSafeLazy {
    Result { () throws(LedgerError) in
      try Ledger.shared.addDomain(.nativeResource, name: "native resources").id.number
    }
  }
  static func makeStatics() { ForkGuard.touch(common) }

  /// Begins a life of an entry that the caller owns.
  @inlinable
  @inline(__always)
  init(_ entry: LedgerEntry, domain: DomainNumber, byteCount: Int, site: SiteID, scope: CreationScope) {
    entry.beginMembership(LedgerEntry.Classification(domain: domain, bucket: 0))
    entry.address = 0
    entry.capacity = byteCount
    self.entry = entry
    createdSite = site
    key = entry.beginLife(byteCount: byteCount, site: site, scope: scope)
  }

  /// Cost: a few loads and stores if the thread keeps an entry; otherwise the entry comes from the ledger's list. If a
  /// domain is named, it costs a call and a fence more.
  @inlinable
  @inline(__always)
  init(
    domain: DomainID?, byteCount: Int, file: StaticString, line: UInt, function: StaticString
  ) throws(FinalizationError) {
    let site = SiteCache.site(file: file, line: line, function: function)
    if domain == nil, byteCount >= 0, byteCount <= LedgerEntry.largestByteCount,
      let storage = unsafe ThreadStorage.current, let common = unsafe storage.pointee.nativeResources,
      let entry = unsafe storage.pointee.entries.take()
    {
      self = unsafe ResourceEntry(
        entry, domain: common, byteCount: byteCount, site: site, scope: storage.pointee.scope)
    } else {
      self =
        if let domain { try Self.make(in: domain, byteCount: byteCount, site: site) } else {
          try Self.make(byteCount: byteCount, site: site)
        }
    }
  }

  /// Begins a life in the domain of resources that are created without a domain.
  @usableFromInline
  @inline(never)
  static func make(byteCount: Int, site: SiteID) throws(FinalizationError) -> ResourceEntry {
    let number: DomainNumber
    do throws(LedgerError) { number = try common.value.get() } catch {
      throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
    }
    if let storage = unsafe ThreadStorage.current { unsafe storage.pointee.nativeResources = number }
    return try make(numbered: number, byteCount: byteCount, site: site)
  }

  /// Begins a life in a domain that the caller names.
  /// - Throws: ``FinalizationError`` if that domain was removed, if only the library makes entries in it, if the byte
  ///   count is out of range, or if the ledger is full.
  @usableFromInline
  @inline(never)
  static func make(in domain: DomainID, byteCount: Int, site: SiteID) throws(FinalizationError) -> ResourceEntry {
    let ledger = Ledger.shared
    guard let kind = ledger.kind(of: domain) else { throw removed(site) }
    guard kind.isOfClients else {
      throw FinalizationError(
        .domainHoldsNoResources(name: ledger.domainName(domain.number), kind: kind), site: ledger.site(site))
    }
    let entry = try make(numbered: domain.number, byteCount: byteCount, site: site)
    // Another thread may have removed the domain meanwhile. Either this thread sees that here, or the thread that looks
    // for a number without entries sees this entry: both threads store, then fence, then load.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if ledger.kind(of: domain) == nil {
      entry.end()
      throw removed(site)
    }
    return entry
  }

  private static func removed(_ site: SiteID) -> FinalizationError {
    FinalizationError(.domainRemoved, site: Ledger.shared.site(site))
  }

  private static func make(
    numbered domain: DomainNumber, byteCount: Int, site: SiteID
  ) throws(FinalizationError) -> ResourceEntry {
    Ledger.refreshClock()
    guard (0...LedgerEntry.largestByteCount).contains(byteCount) else {
      throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(site))
    }
    do throws(LedgerError) {
      let entry =
        if let kept = unsafe ThreadStorage.current?.pointee.entries.take() { kept } else {
          try Ledger.shared.acquireEntry(LedgerEntry.Classification(domain: domain, bucket: 0))
        }
      return ResourceEntry(entry, domain: domain, byteCount: byteCount, site: site, scope: ThreadStorage.scope)
    } catch {
      throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
    }
  }

  var site: Site { Ledger.shared.site(createdSite) }
  @inlinable var isReleased: Bool { !entry.isUsable(key: key) }

  @inlinable
  @inline(__always)
  func requestRelease() -> ReleaseOutcome { entry.requestRelease(key: key) }

  /// Requests the release for a deinit, and records it as a rescue.
  /// - Returns: whether the caller must release the handle.
  @usableFromInline
  @inline(never)
  func rescue() -> Bool {
    guard entry.isUsable(key: key) else { return false }
    let byteCount = entry.byteCount
    // Recorded before the release, which gives the entry to its next owner.
    ScopeTracking.recordRescue(in: entry.scope, at: createdSite, byteCount: byteCount)
    Ledger.shared.recordRescue(at: createdSite, byteCount: byteCount)
    return requestRelease() == .releaseNow
  }

  func setHeldByCache(_ isHeld: Bool) { entry.setHeldByCache(isHeld, key: key) }

  @usableFromInline
  func pin() throws(FinalizationError) {
    let outcome = entry.pin(key: key)
    guard outcome == .pinned else { throw error(for: outcome) }
  }

  /// - Returns: whether the caller must release the handle.
  @usableFromInline
  func unpin() -> Bool { entry.unpin() }

  @usableFromInline
  func detach() throws(FinalizationError) {
    let outcome = entry.detach(key: key)
    guard outcome == .pinned else { throw error(for: outcome) }
    end()
  }

  /// Ends the life, after the resource was released or detached.
  @inlinable
  @inline(__always)
  func end() {
    let isUsable = entry.endLife(as: .free)
    if let storage = unsafe ThreadStorage.current {
      unsafe storage.pointee.entries.keep(entry, isUsable: isUsable)
    } else {
      ThreadEntryCache.release(entry)
    }
  }

  private func error(for outcome: PinOutcome) -> FinalizationError {
    switch outcome {
    case .conflict: FinalizationError(.inUse, site: site)
    case .tooMany: FinalizationError(.tooManyUses, site: site)
    case .released, .pinned: FinalizationError(.disposed, site: site)
    }
  }
}
