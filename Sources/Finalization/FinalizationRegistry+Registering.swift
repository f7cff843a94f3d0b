import ResourceLedger
import Synchronization

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
  /// - Throws: ``FinalizationError``: the held value is the target, the anchor is another object's, or the
  ///   ledger is full. Then nothing is registered.
  /// - Complexity: O(1); no lock that threads share, unless they register the same target.
  @discardableResult
  public func register(
    _ target: some Finalizable, holding held: consuming HeldValue, unregisterToken: AnyObject? = nil,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let site = Ledger.shared.intern(file: file, line: line, function: function)
    let anchor = target.finalizationAnchor
    guard anchor.belongs(to: Self.address(of: target)) else { throw FinalizationError(.anchorIsShared, site: Ledger.shared.site(site)) }
    return try add(target, anchor: anchor, held: held, token: unregisterToken, byteCount: byteCount, site: site)
  }

  /// Asks for a cleanup after any object, which is watched where it is not ``Finalizable``. See the type's
  /// documentation for when its death is found.
  ///
  /// Parameters and errors as for the other `register`.
  @discardableResult
  public func register(
    _ target: some AnyObject, holding held: consuming HeldValue, unregisterToken: AnyObject? = nil,
    byteCount: Int = 0, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(FinalizationError) -> Registration {
    let site = Ledger.shared.intern(file: file, line: line, function: function)
    let anchor: FinalizationAnchor
    if let finalizable = target as? any Finalizable {
      anchor = finalizable.finalizationAnchor
      guard anchor.belongs(to: Self.address(of: target)) else { throw FinalizationError(.anchorIsShared, site: Ledger.shared.site(site)) }
    } else {
      anchor = WatchTable.shared.watchAnchor(for: target)
    }
    return try add(target, anchor: anchor, held: held, token: unregisterToken, byteCount: byteCount, site: site)
  }

  /// Ends every registration of this registry that was made with this token.
  /// - Returns: whether there was one whose cleanup had not begun.
  @discardableResult
  public func unregister(_ token: some Finalizable) -> Bool { unregister(anchor: token.finalizationAnchor) }

  /// Ends every registration of this registry that was made with this token.
  /// - Returns: whether there was one whose cleanup had not begun.
  @discardableResult
  public func unregister(_ token: some AnyObject) -> Bool {
    guard let anchor = WatchTable.shared.existingAnchor(for: token) else { return false }
    return unregister(anchor: anchor)
  }

  // MARK: Underneath

  @inline(__always)
  static func address(of object: AnyObject) -> UInt {
    unsafe UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
  }

  @inline(__always)
  func add(
    _ target: AnyObject, anchor: FinalizationAnchor, held: consuming HeldValue, token: AnyObject?, byteCount: Int,
    site: SiteID
  ) throws(FinalizationError) -> Registration {
    if holdsReferences, ReferenceIdentity.is(held, target) { throw FinalizationError(.heldValueIsTarget, site: Ledger.shared.site(site)) }
    if byteCount < 0 { throw FinalizationError(.invalidByteCount(byteCount), site: Ledger.shared.site(site)) }
    let cell: Cell
    do throws(LedgerError) {
      cell = try core.pool.reserve(byteCount: byteCount, site: site, core: core)
    } catch {
      throw FinalizationError(.ledger(error), site: Ledger.shared.site(site))
    }
    unsafe TypedCore<HeldValue>.held(cell).initialize(to: held)
    // Before the cell is on a list: from then on others may end the registration.
    let registration = Registration(entry: cell.entry, key: cell.key)
    let isOwnToken = token === target
    unsafe cell.record.pointee.flags.store(isOwnToken ? CellRecord.Flags.isOwnToken : 0, ordering: .relaxed)
    unsafe cell.record.pointee.order = ExitOrder(ExitRuns.clock, DeliveringThread.countRegistration())
    if let token, !isOwnToken {
      let tokenAnchor = WatchTable.shared.anchor(for: token)
      AnchorLocks.shared.lock(of: tokenAnchor.address)
      tokenAnchor.linkToken(cell)
      AnchorLocks.shared.unlock(of: tokenAnchor.address)
    }
    AnchorLocks.shared.lock(of: anchor.address)
    anchor.linkTarget(cell)
    AnchorLocks.shared.unlock(of: anchor.address)
    return registration
  }

  func unregister(anchor: FinalizationAnchor) -> Bool {
    var claimed = core.claimAll(withToken: anchor)
    let isAny = claimed != nil
    while let cell = claimed {
      // Before `finish`, which gives the cell away.
      claimed = unsafe cell.record.pointee.tokenNext
      core.drop(cell)
    }
    return isAny
  }
}
