public import ResourceLedger

/// A native resource's life in the ledger.
@usableFromInline
struct ResourceClaim: Sendable {
  @usableFromInline let entry: LedgerEntry
  @usableFromInline let key: EntryWord
  @usableFromInline let createdSite: SiteID

  /// What a request for release comes to: see ``ReleaseOutcome``.
  @frozen @usableFromInline
  enum Outcome {
    case releaseNow
    case deferred
    case alreadyReleased
  }

  /// Domain of resources that name none.
  private static let common = LateStatic {
    Result { () throws(LedgerError) in try Ledger.shared.addDomain(.nativeResource, name: "native resources") }
  }
  static func makeStatics() { ForkGuard.touch(common) }

  /// Begins a life of an entry that is the caller's.
  @inlinable
  @inline(__always)
  init(_ entry: LedgerEntry, domain: DomainID, byteCount: Int, site: SiteID, scope: UInt32) {
    entry.beginMembership(LedgerEntry.Classification(domain: domain, bucket: 0))
    entry.address = 0
    entry.capacity = byteCount
    self.entry = entry
    createdSite = site
    key = entry.beginLife(byteCount: byteCount, site: site, scope: scope)
  }

  /// Cost: the thread's own entries serve it in a few loads and stores; the ledger's list otherwise.
  @inlinable
  @inline(__always)
  init(
    domain: DomainID?, byteCount: Int, file: StaticString, line: UInt, function: StaticString
  ) throws(FinalizationError) {
    if byteCount >= 0, byteCount <= 1 << 48, let storage = unsafe ThreadStorage.current,
      let domain = unsafe domain ?? storage.pointee.nativeResources, let entry = unsafe storage.pointee.entries.take()
    {
      let site = unsafe storage.pointee.sites.site(file: file, line: line, function: function)
      self = unsafe ResourceClaim(
        entry, domain: domain, byteCount: byteCount, site: site, scope: storage.pointee.scope)
    } else {
      self = try Self.make(domain: domain, byteCount: byteCount, file: file, line: line, function: function)
    }
  }

  @usableFromInline
  @inline(never)
  static func make(
    domain: DomainID?, byteCount: Int, file: StaticString, line: UInt, function: StaticString
  ) throws(FinalizationError) -> ResourceClaim {
    let site = ThreadStorage.site(file: file, line: line, function: function)
    guard (0...FinalizationError.largestByteCount).contains(byteCount) else {
      throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(site))
    }
    do throws(LedgerError) {
      let common = try common.value.get()
      if let storage = unsafe ThreadStorage.current { unsafe storage.pointee.nativeResources = common }
      let domain = domain ?? common
      let entry = try Ledger.shared.acquireEntry(LedgerEntry.Classification(domain: domain, bucket: 0))
      return ResourceClaim(entry, domain: domain, byteCount: byteCount, site: site, scope: ThreadStorage.scope)
    } catch {
      throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
    }
  }

  var site: Site { Ledger.shared.site(createdSite) }
  @inlinable var isReleased: Bool { !entry.isUsable(key: key) }

  @inlinable
  @inline(__always)
  func requestRelease() -> Outcome {
    switch entry.requestRelease(key: key) {
    case .releaseNow: .releaseNow
    case .deferred: .deferred
    case .alreadyReleased: .alreadyReleased
    }
  }

  /// As ``requestRelease()`` by a deinit, recorded as a rescue.
  /// - Returns: whether the caller releases the handle.
  @usableFromInline
  @inline(never)
  func rescue() -> Bool {
    guard entry.isUsable(key: key) else { return false }
    let byteCount = entry.byteCount
    // Before the release, which hands the entry to a next owner.
    ScopeTracking.recordRescue(in: entry.scope, at: createdSite, byteCount: byteCount)
    Ledger.shared.recordRescue(at: createdSite, byteCount: byteCount)
    return requestRelease() == .releaseNow
  }

  @usableFromInline
  func pin() throws(FinalizationError) {
    let outcome = entry.pin(key: key)
    guard outcome == .pinned else { throw error(for: outcome) }
  }

  /// - Returns: whether the caller releases the handle.
  @usableFromInline
  func unpin() -> Bool { entry.unpin() }

  @usableFromInline
  func detach() throws(FinalizationError) {
    let outcome = entry.detach(key: key)
    guard outcome == .pinned else { throw error(for: outcome) }
    end()
  }

  /// Ends the life; the resource is released, or somebody else's.
  @inlinable
  @inline(__always)
  func end() {
    let isUsable = entry.endLife(as: .free)
    if let storage = unsafe ThreadStorage.current {
      unsafe storage.pointee.entries.keep(entry, isUsable: isUsable)
    } else {
      EntryReserve.giveBack(entry)
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
