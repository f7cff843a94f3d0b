// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

extension FinalizationRegistry {
  /// A reference to one registration, to look at it, end it or run its cleanup. It keeps nothing alive.
  public struct Registration: Sendable {
    private let registration: RegistrationKey

    @usableFromInline
    init(_ registration: RegistrationKey) { self.registration = registration }

    private var entry: LedgerEntry { registration.entry }
    private var key: EntryWord { registration.key }

    /// Whether the cleanup has not begun and the registration was not ended. Another thread may end it right after.
    public var isPending: Bool { entry.isUsable(key: key) }

    /// The line that made the registration; nil if the registration is not pending.
    public var site: Site? {
      let site = Ledger.shared.site(entry.site)
      return isPending ? site : nil
    }

    /// The held value; nil if the registration is not pending.
    public var peek: HeldValue? {
      // A thread that claims the cell meanwhile waits until the pin ends before it touches the value.
      RegistrationPins.with(registration) { unsafe $0.held(as: HeldValue.self).pointee }
    }

    /// Ends the registration: the cleanup will not run.
    /// - Returns: the held value, which the caller now owns; nil if the cleanup has begun or the registration was over.
    @discardableResult
    public func cancel() -> HeldValue? {
      guard Cell.claim(entry, key: key), let cell else { return nil }
      // Does not retain the core, since all threads would share its count: the claimed cell keeps it alive.
      return cell.withCore { core in
        let held = unsafe cell.held(as: HeldValue.self).move()
        core.finish(cell)
        return held
      }
    }

    /// Runs the cleanup now, on this thread, even if the target is alive; it will not run again.
    /// - Returns: whether this call ran it.
    /// - Throws: what the cleanup throws.
    @discardableResult
    public func clean() throws -> Bool {
      guard Cell.claim(entry, key: key), let cell else { return false }
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
      get { isPending && ExitRuns.contains(entry, key: key) }
      nonmutating set {
        // While the cell is pinned, it is not delivered and used again.
        RegistrationPins.with(registration) { cell in
          if newValue { ExitRuns.add(cell) } else { ExitRuns.remove(entry, key: key) }
        }
      }
    }

    /// The entry's cell. It is certain to be this registration's only if the caller claimed it.
    private var cell: Cell? { Cell(address: entry.address) }
  }
}
