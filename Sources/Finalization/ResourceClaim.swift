import ResourceLedger

/// A native resource's life in the ledger.
@usableFromInline
struct ResourceClaim: Sendable {
  private let entry: LedgerEntry
  private let key: EntryWord
  private let createdSite: SiteID

  /// What a request for release comes to: see ``ReleaseOutcome``.
  @frozen @usableFromInline
  enum Outcome {
    case releaseNow
    case deferred
    case alreadyReleased
  }

  /// Domain of resources that name none.
  private static let common: Result<DomainID, LedgerError> = Result { () throws(LedgerError) in
    try Ledger.shared.addDomain(.nativeResource, name: "native resources")
  }

  @usableFromInline
  init(
    domain: DomainID?, byteCount: Int, file: StaticString, line: UInt, function: StaticString
  ) throws(FinalizationError) {
    createdSite = ThreadStorage.site(file: file, line: line, function: function)
    guard byteCount >= 0 else {
      throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(createdSite))
    }
    do throws(LedgerError) {
      entry = try Self.takeEntry(domain)
    } catch {
      throw FinalizationError(.ledger(error), site: Ledger.shared.site(createdSite))
    }
    entry.address = 0
    entry.capacity = byteCount
    key = entry.beginLife(byteCount: byteCount, site: createdSite, scope: ThreadStorage.scope)
  }

  @inline(__always)
  private static func takeEntry(_ domain: DomainID?) throws(LedgerError) -> LedgerEntry {
    guard let storage = unsafe ThreadStorage.current else {
      let domain = if let domain { domain } else { try common.get() }
      return try Ledger.shared.acquireEntry(LedgerEntry.Classification(domain: domain, bucket: 0))
    }
    let domain = if let domain { domain } else { try unsafe storage.pointee.nativeResources(common) }
    return try unsafe storage.pointee.entries.take(LedgerEntry.Classification(domain: domain, bucket: 0))
  }

  var site: Site { Ledger.shared.site(createdSite) }
  var isReleased: Bool { !entry.isUsable(key: key) }

  @usableFromInline
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
  @usableFromInline
  func end() {
    _ = entry.endLife(as: .free)
    if let storage = unsafe ThreadStorage.current {
      unsafe storage.pointee.entries.keep(entry)
    } else {
      Ledger.shared.releaseEntry(entry)
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
