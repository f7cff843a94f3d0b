public import ResourceLedger

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
  @usableFromInline let handle: Handle
  @usableFromInline let claim: ResourceClaim
  @usableFromInline let release: @Sendable (Handle) -> Void

  /// - Parameters:
  ///   - handle: from now on the object's own. Where this throws it stays the caller's.
  ///   - domain: what sort of resource it is, from ``ResourceDomains/add(_:kind:)``; the audit compares that
  ///     domain's census with its entries. The default is a domain without a census.
  ///   - byteCount: bytes it stands for, 0 to 2^48; for reports.
  ///   - file: with `line` and `function`, the site that reports name; leave them to their defaults.
  ///   - release: called once, on the thread that disposes, ends the last use or drops the last reference,
  ///     under no lock.
  /// - Throws: ``FinalizationError`` for another `byteCount`, for the number of an arena, of a registry or of a domain
  ///   that was removed, and where the ledger is full.
  @inlinable
  public init(
    _ handle: Handle, domain: DomainID? = nil, byteCount: Int = 0,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    release: @escaping @Sendable (Handle) -> Void
  ) throws(FinalizationError) {
    claim = try ResourceClaim(domain: domain, byteCount: byteCount, file: file, line: line, function: function)
    self.handle = handle
    self.release = release
  }

  @inlinable
  deinit {
    if !claim.isReleased, claim.rescue() { releaseHandle() }
  }

  /// The line that created it.
  public var site: Site { claim.site }

  /// Whether it was disposed or detached. Another thread may do so right after.
  public var isDisposed: Bool { claim.isReleased }

  /// Releases the handle: now, or at the end of the last use that is under way.
  ///
  /// May be called any number of times, from any thread, but not in a signal handler: it may need a lock that the
  /// interrupted code holds.
  /// - Returns: whether this call was the one that disposed it.
  @discardableResult @inlinable
  public func dispose() -> Bool {
    switch claim.requestRelease() {
    case .releaseNow:
      releaseHandle()
      return true
    case .deferred: return true
    case .alreadyReleased: return false
    }
  }

  /// Calls a closure with the handle, which is not released before the closure returns.
  /// - Throws: ``FinalizationError`` after dispose or detach; what the closure throws.
  @inlinable
  public func withHandle<R>(_ body: (Handle) throws -> R) throws -> R {
    try claim.pin()
    defer { if claim.unpin() { releaseHandle() } }
    return try body(handle)
  }

  /// Hands the handle and the duty to release it to the caller; the object is disposed, the ledger entry ends.
  /// - Throws: ``FinalizationError`` after dispose or detach, and while the handle is in use.
  @inlinable
  public func detach() throws(FinalizationError) -> Handle {
    try claim.detach()
    return handle
  }

  /// The caller was told to release.
  @inlinable
  func releaseHandle() {
    // The entry ends after the resource does: the books never have less than there is.
    release(handle)
    claim.end()
  }
}

// SAFETY: constants, and a ledger entry, which is atomic; the closure is Sendable.
extension NativeResource: @unchecked Sendable where Handle: Sendable {}
