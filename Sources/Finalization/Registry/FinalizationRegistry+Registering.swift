import ResourceLedger

extension FinalizationRegistry {
  /// Asks for a cleanup after a target that reports its own death.
  ///
  /// The same target may be registered any number of times, here and elsewhere; each has its cleanup.
  /// - Parameters:
  ///   - target: held weakly.
  ///   - held: what the cleanup gets. Held strongly until the cleanup ran or the registration ended, and then
  ///     released, under no lock.
  ///   - unregisterToken: any object, the target too, with which ``unregister(_:)`` finds the registration.
  ///     Held weakly; its death ends nothing.
  ///   - byteCount: bytes of what the target stands for, 0 or more; for reports.
  ///   - file: with `line` and `function`, the site that reports name; leave them to their defaults.
  /// - Throws: ``FinalizationError``: the held value is the target, its anchor or an object with the same anchor; the
  ///   anchor is another object's; the byte count is negative or beyond 2^48; or the ledger is full. Then nothing is
  ///   registered.
  /// - Complexity: O(1); no lock that threads share, unless they register the same target.
  @discardableResult @inlinable
  public func register(
    _ target: some Finalizable, holding held: consuming HeldValue, unregisterToken: AnyObject? = nil,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    guard let unregisterToken else {
      let anchor = target.finalizationAnchor
      if holdsReferences { try refuse(held, target, anchor, file: file, line: line, function: function) }
      let slot = try core.begin(
        byteCount: byteCount, site: ThreadStorage.site(file: file, line: line, function: function))
      slot.initialize(to: held)
      return Registration(try core.link(slot, anchor: anchor, target: target, isOwnToken: false))
    }
    return try register(
      target, holding: held, unregisterToken: unregisterToken, byteCount: byteCount, file: file, line: line,
      function: function)
  }

  /// As above, with a token that is known to be there: passed on without counting a reference.
  @discardableResult @inlinable
  public func register<Token: AnyObject>(
    _ target: some Finalizable, holding held: consuming HeldValue, unregisterToken: Token,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let anchor = target.finalizationAnchor
    if holdsReferences { try refuse(held, target, anchor, file: file, line: line, function: function) }
    let slot = try core.begin(
      byteCount: byteCount, site: ThreadStorage.site(file: file, line: line, function: function))
    slot.initialize(to: held)
    if unregisterToken === target {
      return Registration(try core.link(slot, anchor: anchor, target: target, isOwnToken: true))
    }
    return Registration(try core.link(slot, anchor: anchor, target: target, token: unregisterToken))
  }

  /// Asks for a cleanup after any object, which is watched where it is not ``Finalizable``. See the type's
  /// documentation for when its death is found.
  ///
  /// Parameters and errors as for the other `register`; a target without an anchor that is in its deinit is
  /// refused.
  @discardableResult @inlinable
  public func register(
    _ target: some AnyObject, holding held: consuming HeldValue, unregisterToken: AnyObject? = nil,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let site = ThreadStorage.site(file: file, line: line, function: function)
    guard let anchor = WatchTable.anchor(of: target) else { throw core.refusedDying(site) }
    if holdsReferences { try refuse(held, target, anchor, file: file, line: line, function: function) }
    let slot = try core.begin(byteCount: byteCount, site: site)
    slot.initialize(to: held)
    return Registration(try core.link(slot, anchor: anchor, target: target, token: unregisterToken))
  }

  /// Ends every registration of this registry that was made with this token.
  /// - Returns: whether there was one whose cleanup had not begun.
  @discardableResult @inlinable
  public func unregister(_ token: some Finalizable) -> Bool { core.unregister(token.finalizationAnchor) }

  /// Ends every registration of this registry that was made with this token.
  /// - Returns: whether there was one whose cleanup had not begun.
  @discardableResult
  public func unregister(_ token: some AnyObject) -> Bool {
    guard let anchor = WatchTable.shared.existingAnchor(for: token) else { return false }
    return core.unregister(anchor)
  }

  /// A held value that keeps its own registration pending for ever. One that does by way of other objects is not seen.
  @usableFromInline
  func refuse(
    _ held: borrowing HeldValue, _ target: AnyObject, _ anchor: FinalizationAnchor, file: StaticString, line: UInt,
    function: StaticString
  ) throws(FinalizationError) {
    guard let object = ReferenceIdentity.object(in: held) else { return }
    let code: FinalizationError.Code
    if object === target {
      code = .heldValueIsTarget
    } else if object === anchor || WatchTable.ownAnchor(of: object) === anchor {
      code = .heldValueKeepsAnchor
    } else {
      return
    }
    throw FinalizationError(code, site: Site(file: "\(file)", line: Int(clamping: line), function: "\(function)"))
  }
}
