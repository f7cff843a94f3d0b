// SPDX-License-Identifier: Apache-2.0

/// The thread that gives idle memory back, so that no thread of the program has to.
///
/// It starts with the first buffer. While an arena has a block, live or idle, it wakes once a second, to refresh the
/// clock by which the ledger knows since when a resource lives, and to write what is live into the ledger's history.
/// While there is none, it sleeps and does not wake up, unless another process of the same user asks what the books
/// say: then it counts them, at most 20 times a second.
///
/// A block that was not used for its arena's ``Arena/Configuration/idleTime`` goes back to jemalloc, and its pages go
/// back to the kernel. Blocks beyond ``Arena/Configuration/idleByteLimit`` go back within 100 ms, and their pages after
/// ``Arena/Configuration/dirtyDecay``. Unused blocks that other threads keep for themselves go back, too.
///
/// If the process may map only so much (`ulimit -v`, `ulimit -d`), the thread looks ten times a second while any memory
/// is idle, and gives back the idle memory that exceeds what the process may still map.
///
/// It runs no code of the program: no deallocator, no signal handler. In a forked child it is turned off. It does not
/// keep the process from ending by `exit` or by the end of `main`. If the main thread ends by `pthread_exit`, the
/// process does not end while this thread exists. Since Linux 5.9, it has a table of file descriptors of its own: the
/// program may close descriptors that it does not know. What a crash on this thread would print is lost therefore.
///
/// Not promised: the exact time at which other memory is given back, and that all of it is. The 100 ms hold only as far
/// as the system lets the thread run. A thread that is just using its blocks when this thread looks keeps them until
/// the next time. If the kernel refuses `membarrier`, a thread that does nothing keeps its blocks, up to 2 MiB.
public enum MaintenanceThread {
  /// Whether the process may have the thread. True from the start, even if the system could not start the thread. False
  /// after ``turnOff()``, and in a forked child, until ``turnOn()`` is called there.
  public static var isEnabled: Bool { Maintenance.isEnabled }

  /// Lets the process have the thread again, which starts with the next memory to look after. Does nothing if the
  /// process may have it. Must not be called in a signal handler.
  public static func turnOn() {
    Maintenance.settleInChild()
    guard Maintenance.allowThread() else { return }
    var hasBlocks = ThreadCaches.attachedCount > 0
    ArenaDirectory.forEachUsed { arena in
      arena.depot.requestCall()
      if arena.hasBlocks { hasBlocks = true }
    }
    if hasBlocks { Maintenance.call() }
  }

  /// Ends the thread, and waits until it has ended: mostly for microseconds, and for as long as a step takes that it is
  /// just doing. Other processes get no answers then, and only slow paths refresh the ledger's clock. From then on,
  /// ``Arena/trim(keeping:)`` gives idle blocks back, a thread that releases a block beyond the limit gives that block
  /// back itself, under the arena's lock, and jemalloc purges pages on threads that allocate. Does nothing if the
  /// thread is turned off. Must not be called in a signal handler.
  public static func turnOff() {
    Maintenance.settleInChild()
    Maintenance.endThread()
    ArenaDirectory.forEachUsed { $0.lookAfterNoMore() }
  }

  /// Whether the thread exists now.
  public static var isRunning: Bool { Maintenance.isRunning }
}

extension Maintenance {
  /// For tests, in a process of their own: no thread runs, and the test makes the passes.
  static func beginByHand() {
    MaintenanceThread.turnOff()
    countCalls()
    ArenaDirectory.forEachUsed { $0.depot.requestCall() }
  }
}
