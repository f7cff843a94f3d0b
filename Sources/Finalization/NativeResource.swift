public import ResourceLedger
import Synchronization

/// Owns a handle of any kind: a pointer from C, a file descriptor, the name of a texture, an offset in the
/// memory of a WASM module.
///
///     let texture = try NativeResource(name, byteCount: 4 * width * height) { name in release(name) }
///     try texture.withHandle { name in draw(name) }
///     texture.dispose()
///
/// The handle is released exactly once: by ``dispose()``; by the last release of the object where nobody
/// disposed it, which the ledger records as a rescue with the line that created it; or by whoever
/// ``detach()`` handed it to. Any thread may call anything at any time; handing an object
/// to another thread takes a `Sendable` handle.
public final class NativeResource<Handle> {
  private let handle: Handle
  private let entry: LedgerEntry
  private let key: EntryWord
  private let createdSite: SiteID
  private let release: @Sendable (Handle) -> Void

  /// - Parameters:
  ///   - handle: from now on the object's own. Where this throws it stays the caller's.
  ///   - domain: what sort of resource it is, from ``ResourceDomains/add(_:kind:)``; the audit compares that
  ///     domain's census with its entries. The default is a domain without a census.
  ///   - byteCount: bytes it stands for, 0 or more; for reports.
  ///   - file: with `line` and `function`, the site that reports name; leave them to their defaults.
  ///   - release: called once, on the thread that disposes, ends the last use or drops the last reference,
  ///     under no lock.
  /// - Throws: ``FinalizationError`` where `byteCount` is negative or the ledger is full.
  public init(
    _ handle: Handle, domain: DomainID? = nil, byteCount: Int = 0,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    release: @escaping @Sendable (Handle) -> Void
  ) throws(FinalizationError) {
    let site = Ledger.shared.intern(file: file, line: line, function: function)
    guard byteCount >= 0 else {
      throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(site))
    }
    do throws(LedgerError) {
      entry = try ResourceEntries.acquire(domain: domain)
    } catch {
      throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
    }
    entry.capacity = byteCount
    key = entry.beginLife(byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource)
    self.handle = handle
    self.release = release
    createdSite = site
  }

  deinit {
    guard entry.isUsable(key: key) else { return }
    let byteCount = entry.byteCount
    // Before the release, which hands the entry to a next owner.
    ScopeTracking.recordRescue(in: entry.scope, at: createdSite, byteCount: byteCount)
    Ledger.shared.recordRescue(at: createdSite, byteCount: byteCount)
    dispose()
  }

  /// The line that created it.
  public var site: Site { Ledger.shared.site(createdSite) }

  /// Whether it was disposed or detached. Another thread may do so right after.
  public var isDisposed: Bool { !entry.isUsable(key: key) }

  /// Releases the handle: now, or at the end of the last use that is under way.
  ///
  /// May be called any number of times, from any thread.
  /// - Returns: whether this call was the one that disposed it.
  @discardableResult
  public func dispose() -> Bool {
    switch entry.requestRelease(key: key) {
    case .releaseNow:
      releaseHandle()
      return true
    case .deferred: return true
    case .alreadyReleased: return false
    }
  }

  /// Calls a closure with the handle, which is not released before the closure returns.
  /// - Throws: ``FinalizationError`` after dispose or detach; what the closure throws.
  public func withHandle<R>(_ body: (Handle) throws -> R) throws -> R {
    let outcome = entry.pin(key: key)
    guard outcome == .pinned else { throw error(for: outcome) }
    defer { if entry.unpin() { releaseHandle() } }
    return try body(handle)
  }

  /// Hands the handle and the duty to release it to the caller; the object is disposed, the ledger entry ends.
  /// - Throws: ``FinalizationError`` after dispose or detach, and while the handle is in use.
  public func detach() throws(FinalizationError) -> Handle {
    let outcome = entry.detach(key: key)
    guard outcome == .pinned else { throw error(for: outcome) }
    ResourceEntries.release(entry)
    return handle
  }

  /// The caller was told to release.
  private func releaseHandle() {
    // The entry ends after the resource does: the books never have less than there is.
    release(handle)
    ResourceEntries.release(entry)
  }

  private func error(for outcome: PinOutcome) -> FinalizationError {
    switch outcome {
    case .conflict: FinalizationError(.inUse, site: site)
    case .tooMany: FinalizationError(.tooManyUses, site: site)
    case .released, .pinned: FinalizationError(.disposed, site: site)
    }
  }
}

// SAFETY: constants, and a ledger entry, which is atomic; the closure is Sendable.
extension NativeResource: @unchecked Sendable where Handle: Sendable {}

/// Ledger entries of native resources.
enum ResourceEntries {
  /// Domain of resources that name none.
  private static let common: Result<DomainID, LedgerError> = Result { () throws(LedgerError) in
    try Ledger.shared.addDomain(.nativeResource, name: "native resources")
  }

  static func acquire(domain: DomainID?) throws(LedgerError) -> LedgerEntry {
    let domain = if let domain { domain } else { try common.get() }
    let entry = try Ledger.shared.acquireEntry(.init(domain: domain, bucket: 0))
    entry.address = 0
    return entry
  }

  static func release(_ entry: LedgerEntry) {
    _ = entry.endLife(as: .free)
    Ledger.shared.releaseEntry(entry)
  }
}
