// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension FinalizationRegistry {
  /// Registers a cleanup for a target that reports its own death.
  ///
  /// The same target may be registered any number of times, in this registry and in others; each registration has its
  /// own cleanup.
  /// - Parameters:
  ///   - target: held weakly.
  ///   - held: the value that the cleanup gets. It is held strongly until the cleanup has run or the registration has
  ///     ended, and then released, under no lock.
  ///   - unregisterToken: any object, possibly the target, with which `unregister(_:)` finds the registration. It is
  ///     held weakly, and its death does not end the registration.
  ///   - byteCount: bytes of the resource that the target stands for, 0 to 2^48; for reports.
  ///   - file: with `line` and `function`, the site that reports name; leave them to their defaults.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: ``FinalizationError`` if the held value is the target, its anchor or an object with the same anchor; if
  ///   the anchor belongs to another object; if the byte count is negative or beyond 2^48; or if the ledger is full.
  ///   Then nothing is registered.
  /// - Complexity: O(1). Threads seldom wait for each other: each uses the lock of its own thread slot, and an anchor's
  ///   lock, which is one of 512.
  @discardableResult @inlinable
  public func register(
    _ target: some Finalizable, holding held: consuming HeldValue, unregisterToken: AnyObject? = nil,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let anchor = target.finalizationAnchor
    if holdsReferences { try refuse(held, target, anchor, file: file, line: line, function: function) }
    let site = SiteCache.site(file: file, line: line, function: function)
    let cell = try core.begin(byteCount: byteCount, site: site)
    unsafe cell.held(as: HeldValue.self).initialize(to: held)
    return Registration(try core.link(cell, anchor: anchor, target: target, token: unregisterToken))
  }

  /// The same with a token that is not optional: a token that is passed as an optional may be retained for the call.
  @discardableResult @inlinable
  public func register<Token: AnyObject>(
    _ target: some Finalizable, holding held: consuming HeldValue, unregisterToken: Token,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let anchor = target.finalizationAnchor
    if holdsReferences { try refuse(held, target, anchor, file: file, line: line, function: function) }
    let site = SiteCache.site(file: file, line: line, function: function)
    let cell = try core.begin(byteCount: byteCount, site: site)
    unsafe cell.held(as: HeldValue.self).initialize(to: held)
    if unregisterToken === target {
      return Registration(try core.linkTarget(cell, anchor: anchor, target: target, isOwnToken: true))
    }
    return Registration(try core.link(cell, anchor: anchor, target: target, token: unregisterToken))
  }

  /// Registers a cleanup for any object. An object that is not ``Finalizable`` is watched; the type's documentation
  /// says when its death is found.
  ///
  /// Parameters and errors are those of the other `register`. It also throws if the target has no anchor and is in its
  /// deinit.
  @discardableResult @inlinable
  public func register(
    _ target: some AnyObject, holding held: consuming HeldValue, unregisterToken: AnyObject? = nil,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let site = SiteCache.site(file: file, line: line, function: function)
    guard let anchor = WatchTable.anchor(of: target) else { throw core.refusedDying(site) }
    if holdsReferences { try refuse(held, target, anchor, file: file, line: line, function: function) }
    let cell = try core.begin(byteCount: byteCount, site: site)
    unsafe cell.held(as: HeldValue.self).initialize(to: held)
    return Registration(try core.link(cell, anchor: anchor, target: target, token: unregisterToken))
  }

  /// Ends every registration of this registry that was made with this token.
  /// - Returns: whether it ended any registration; one whose cleanup has begun cannot be ended.
  @discardableResult @inlinable
  public func unregister(_ token: some Finalizable) -> Bool { core.unregister(token.finalizationAnchor) }

  /// Ends every registration of this registry that was made with this token.
  /// - Returns: whether it ended any registration; one whose cleanup has begun cannot be ended.
  @discardableResult
  public func unregister(_ token: some AnyObject) -> Bool {
    guard let anchor = WatchTable.existingAnchor(of: token) else { return false }
    return core.unregister(anchor)
  }

  /// Throws if the held value would keep its own registration pending for ever. A value that does so through other
  /// objects is not detected.
  @usableFromInline
  func refuse(
    _ held: borrowing HeldValue, _ target: AnyObject, _ anchor: FinalizationAnchor, file: StaticString, line: UInt,
    function: StaticString
  ) throws(FinalizationError) {
    guard let object = ReferenceIdentity.object(in: held) else { return }
    let reason: FinalizationError.Reason
    if object === target {
      reason = .heldValueIsTarget
    } else if object === anchor || WatchTable.ownAnchor(of: object) === anchor {
      reason = .heldValueKeepsAnchor
    } else {
      return
    }
    throw FinalizationError(reason, site: Site(file: "\(file)", line: Int(clamping: line), function: "\(function)"))
  }
}
