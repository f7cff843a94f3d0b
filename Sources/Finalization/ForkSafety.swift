import Glibc
import ResourceLedger

/// Keeps this module's locks whole across `fork`: the forking thread takes them all first.
///
/// Nobody else holds two of them at a time, but for the stripes of one pool in ascending order, so any
/// order of the rest is safe. A child goes on with a copy of its own; queues and timers do not run in it.
enum ForkSafety {
  private static let directory = ForkSafeLock()
  // SAFETY: guarded by `directory`. A pool takes itself off before it is gone.
  nonisolated(unsafe) private static var pools: [Unmanaged<CellPool>] = unsafe []
  // SAFETY: guarded by `directory`.
  nonisolated(unsafe) private static var isInstalled = false

  /// Called before the first lock is taken.
  static func install() {
    // Its handlers are to run after these: they take the locks that may be taken under ours.
    _ = Ledger.shared
    directory.withLock {
      guard unsafe !isInstalled else { return }
      unsafe isInstalled = true
      pthread_atfork(
        { ForkSafety.lockAll() }, { ForkSafety.unlockAll() },
        {
          ThreadSlots.keepOnly(ThreadStorage.slot)
          ForkSafety.unlockAll()
        })
    }
  }

  static func add(_ pool: CellPool) {
    _ = AnchorLocks.shared
    directory.withLock { unsafe pools.append(Unmanaged.passUnretained(pool)) }
  }

  static func remove(_ pool: CellPool) {
    let address = unsafe Unmanaged.passUnretained(pool).toOpaque()
    directory.withLock { unsafe pools.removeAll { unsafe $0.toOpaque() == address } }
  }

  private static func lockAll() {
    directory.lock()
    WatchTable.shared.lockAll()
    AnchorLocks.shared.lockAll()
    unsafe pools.forEach { unsafe $0._withUnsafeGuaranteedRef { $0.lockAll() } }
  }

  private static func unlockAll() {
    unsafe pools.forEach { unsafe $0._withUnsafeGuaranteedRef { $0.unlockAll() } }
    AnchorLocks.shared.unlockAll()
    WatchTable.shared.unlockAll()
    directory.unlock()
  }
}
