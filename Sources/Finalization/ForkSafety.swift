import Glibc
import ResourceLedger
import Synchronization

/// Has locks that the forking thread takes and gives back.
protocol ForkLockable: AnyObject {
  func lockAll()
  func unlockAll()
}

/// Keeps this module's locks whole across `fork`: the forking thread takes them all first.
///
/// Nobody else holds two of them at a time, but for the stripes of one pool in ascending order, so any
/// order of the rest is safe. A child goes on with a copy of its own; queues and timers do not run in it.
enum ForkSafety {
  /// Dispatch does not survive a fork: its queues, and the timer, stand still in a child.
  static let isForkedChild = Atomic(false)

  private static let directory = ForkSafeLock()
  // SAFETY: guarded by `directory`. A member takes itself off before it is gone.
  nonisolated(unsafe) private static var members: [ObjectIdentifier: Unowned] = [:]
  // SAFETY: guarded by `directory`.
  nonisolated(unsafe) private static var isInstalled = false

  static func makeStatics() {
    ForkGuard.touch(isForkedChild)
    ForkGuard.touch(directory)
    unsafe ForkGuard.touch(members)
    unsafe ForkGuard.touch(isInstalled)
  }

  /// Called before `main`, after the fork guard's handlers are in place. These run before those, which take the
  /// locks that may be taken under ours.
  static func install() {
    directory.withLock {
      guard unsafe !isInstalled else { return }
      unsafe isInstalled = true
      pthread_atfork(
        { ForkSafety.lockAll() }, { ForkSafety.unlockAll() },
        {
          ThreadSlots.keepOnly(ThreadStorage.slot)
          ForkSafety.isForkedChild.store(true, ordering: .relaxed)
          ForkSafety.unlockAll()
        })
    }
  }

  private struct Unowned {
    unowned(unsafe) let member: any ForkLockable
  }

  static func add(_ member: any ForkLockable) {
    directory.withLock { unsafe members[ObjectIdentifier(member)] = Unowned(member: member) }
  }

  static func remove(_ member: any ForkLockable) {
    directory.withLock { _ = unsafe members.removeValue(forKey: ObjectIdentifier(member)) }
  }

  private static func lockAll() {
    directory.lock()
    WatchTable.shared.lockAll()
    AnchorLocks.shared.lockAll()
    for unowned in unsafe members.values { unsafe unowned.member.lockAll() }
  }

  private static func unlockAll() {
    for unowned in unsafe members.values { unsafe unowned.member.unlockAll() }
    AnchorLocks.shared.unlockAll()
    WatchTable.shared.unlockAll()
    directory.unlock()
  }
}
