// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// Owns a handle of any kind: a pointer from C, a file descriptor, the name of a texture, an offset in the
/// memory of a WASM module.
///
///     let texture = try NativeResource(name, byteCount: 4 * width * height) { name in release(name) }
///     try texture.withHandle { name in draw(name) }
///     texture.dispose()
///
/// The handle is released exactly once: by ``dispose()``; or by the caller of ``detach()``, which takes the handle
/// over; or else by the last release of the object, which the ledger records as a rescue with the line that created the
/// object. Any thread may call any method at any time; an object can be passed to another thread if its handle is
/// `Sendable`.
public final class NativeResource<Handle> {
  @usableFromInline let handle: Handle
  @usableFromInline let entry: ResourceEntry
  @usableFromInline let release: @Sendable (Handle) -> Void

  /// - Parameters:
  ///   - handle: owned by the object from now on. If this throws, it still belongs to the caller.
  ///   - domain: the domain of the resource, from `ResourceDomains/add(_:kind:)`; an audit compares that domain's
  ///     census with its entries. The default is a domain without a census.
  ///   - byteCount: bytes that the resource stands for, 0 to 2^48; for reports.
  ///   - file: with `line` and `function`, the site that reports name; leave them to their defaults.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  ///   - release: called once, under no lock, on the thread that disposes, ends the last use or drops the last
  ///     reference.
  /// - Throws: ``FinalizationError`` if `byteCount` is out of range; if `domain` is an arena, a registry or a domain
  ///   that was removed; or if the ledger is full.
  @inlinable
  public init(
    _ handle: Handle, domain: DomainID? = nil, byteCount: Int = 0,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    release: @escaping @Sendable (Handle) -> Void
  ) throws(FinalizationError) {
    entry = try ResourceEntry(domain: domain, byteCount: byteCount, file: file, line: line, function: function)
    self.handle = handle
    self.release = release
  }

  @inlinable
  deinit {
    if !entry.isReleased, entry.rescue() { releaseHandle() }
  }

  /// The line that created the resource.
  public var site: Site { entry.site }

  /// Whether the resource was disposed or detached. If it was not, another thread may do so right after.
  public var isDisposed: Bool { entry.isReleased }

  /// Releases the handle: now, or at the end of the last use that is under way.
  ///
  /// May be called any number of times, from any thread, but not in a signal handler: it may need a lock that the
  /// interrupted code holds.
  /// - Returns: whether this call disposed the resource.
  @discardableResult @inlinable
  public func dispose() -> Bool {
    switch entry.requestRelease() {
    case .releaseNow:
      releaseHandle()
      return true
    case .deferred: return true
    case .alreadyReleased: return false
    }
  }

  /// Calls a closure with the handle, which is not released before the closure returns.
  /// - Throws: ``FinalizationError`` after dispose or detach, and if 262,143 uses are under way; what the closure
  ///   throws.
  @inlinable
  public func withHandle<R>(_ body: (Handle) throws -> R) throws -> R {
    try entry.pin()
    defer { if entry.unpin() { releaseHandle() } }
    return try body(handle)
  }

  /// Gives the handle, and the duty to release it, to the caller. The object is then disposed, and its ledger entry
  /// ends.
  /// - Throws: ``FinalizationError`` after dispose or detach, and while the handle is in use.
  @inlinable
  public func detach() throws(FinalizationError) -> Handle {
    try entry.detach()
    return handle
  }

  /// Releases the handle. Only a caller that `entry` told to release may call this.
  @inlinable
  func releaseHandle() {
    // The entry ends after the resource, so that the ledger never has less than there is.
    release(handle)
    entry.end()
  }
}

extension NativeResource: CacheableResource {
  /// Marks the resource as held by a cache, or ends the mark. Reports leave out what a cache holds.
  ///
  /// A ``ResourceCache`` calls this by itself if the object is its value. Has no effect after ``dispose()`` and
  /// ``detach()``. Cost: an atomic operation.
  public func setHeldByCache(_ isHeld: Bool) { entry.setHeldByCache(isHeld) }

  /// The `byteCount` that the object was created with; 0 after ``dispose()`` and ``detach()``.
  public var allocatedByteCount: Int {
    let byteCount = entry.entry.byteCount
    return isDisposed ? 0 : byteCount
  }
}

// SAFETY: its fields are constants and a ledger entry, which is atomic; the closure is Sendable.
extension NativeResource: @unchecked Sendable where Handle: Sendable {}
