public import ResourceLedger

extension FinalizationRegistry {
  /// One registration: two words, which keep nothing alive.
  public struct Registration: Sendable {
    private let registration: RegistrationKey

    @usableFromInline
    init(_ registration: RegistrationKey) { self.registration = registration }

    private var entry: LedgerEntry { registration.entry }
    private var key: EntryWord { registration.key }

    /// Whether neither the cleanup has begun nor the registration was ended. It may be over right after.
    public var isPending: Bool { entry.isUsable(key: key) }

    /// The line that registered; nil when the registration is over.
    public var site: Site? {
      let site = Ledger.shared.site(entry.site)
      return isPending ? site : nil
    }

    /// The held value, where the registration is pending.
    public var peek: HeldValue? {
      // Whoever claims the cell meanwhile waits for the pin to end before it touches the value.
      RegistrationPins.with(registration) { held($0).copy(as: HeldValue.self) }
    }

    /// Ends the registration: the cleanup will not run.
    /// - Returns: the held value, now the caller's; nil where the cleanup has begun or the registration was
    ///   over.
    @discardableResult
    public func cancel() -> HeldValue? {
      guard Cell.claim(entry, key: key), let cell else { return nil }
      // Without a retain of the core, which all threads would share: the claimed cell keeps it.
      return cell.withCore { core in
        let held = core.stripes.held(cell).move(as: HeldValue.self)
        core.finish(cell)
        return held
      }
    }

    /// Runs the cleanup now, on this thread, while the target lives on; it will not run again.
    /// - Returns: whether this call ran it.
    /// - Throws: what the cleanup throws.
    @discardableResult
    public func clean() throws -> Bool {
      guard Cell.claim(entry, key: key), let cell else { return false }
      try cell.core.cleanUpNow(cell)
      return true
    }

    /// Whether the cleanup also runs when the process exits, where the target is alive then or its death was
    /// not delivered. Off at first.
    ///
    /// Exit means `exit()` or the end of `main`, not a signal. Cleanups then run on the exiting thread, the
    /// latest registration first; one that throws keeps no other from running. One that another thread is
    /// in the midst of is waited for, up to a second. In a forked child the parent's do not run.
    public var runsAtExit: Bool {
      get { isPending && ExitRuns.contains(entry, key: key) }
      nonmutating set {
        // The pin keeps the cell from being delivered and used again meanwhile.
        RegistrationPins.with(registration) { cell in
          if newValue { ExitRuns.add(cell) } else { ExitRuns.remove(entry, key: key) }
        }
      }
    }

    /// The registration's cell; it is still this registration's if the caller claimed it.
    private var cell: Cell? { Cell(address: entry.address) }

    private func held(_ cell: Cell) -> HeldSlot { cell.core.stripes.held(cell) }
  }
}
