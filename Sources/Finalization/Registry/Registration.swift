// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

extension FinalizationRegistry {
  /// A reference to one registration, to look at it, end it or run its cleanup. It keeps nothing alive.
  public struct Registration: Sendable {
    @usableFromInline let registration: RegistrationKey

    @usableFromInline
    init(_ registration: RegistrationKey) { self.registration = registration }

    /// Whether the cleanup has not begun and the registration was not ended. Another thread may end it right after.
    public var isPending: Bool { registration.isPending }

    /// The line that made the registration; nil if the registration is not pending.
    public var site: Site? {
      let site = Ledger.shared.site(registration.entry.site)
      return isPending ? site : nil
    }

    /// The held value; nil if the registration is not pending.
    public var peek: HeldValue? {
      // A thread that claims the cell meanwhile waits until the pin ends before it touches the value.
      RegistrationPins.with(registration) { unsafe $0.held(as: HeldValue.self).pointee }
    }

    /// Marks the registration as a cache's own, so that reports leave it out.
    func setHeldByCache() { registration.entry.setHeldByCache(true, key: registration.key) }

    /// Ends the registration: the cleanup will not run.
    /// - Returns: the held value, which the caller now owns; nil if the cleanup has begun or the registration was over.
    @discardableResult @inlinable
    public func cancel() -> HeldValue? {
      guard let cell = registration.claim() else { return nil }
      let held = unsafe cell.held(as: HeldValue.self).move()
      cell.finish()
      return held
    }

    /// Runs the cleanup now, on this thread, even if the target is alive; it will not run again.
    /// - Returns: whether this call ran it.
    /// - Throws: what the cleanup throws.
    @discardableResult
    public func clean() throws -> Bool {
      guard let cell = registration.claim() else { return false }
      try cell.core.cleanUpNow(cell)
      return true
    }

    /// Whether the cleanup also runs when the process exits, if the target is still alive then or its death was not
    /// delivered. False at first.
    ///
    /// Exit means `exit()` or the end of `main`, not a signal. Cleanups then run on the exiting thread, the latest
    /// registration first; if one throws, the others still run. If another thread is running a cleanup, the exit waits
    /// for it, up to a second. A forked child does not run the cleanups of its parent.
    public var runsAtExit: Bool {
      get { isPending && ExitRuns.contains(registration) }
      nonmutating set {
        // While the cell is pinned, it is not delivered and used again.
        RegistrationPins.with(registration) { cell in
          if newValue { ExitRuns.add(cell) } else { ExitRuns.remove(registration) }
        }
      }
    }
  }
}
