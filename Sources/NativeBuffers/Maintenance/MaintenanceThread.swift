// SPDX-License-Identifier: Apache-2.0

/// The thread that gives idle memory back, so that no thread of the program has to.
///
/// It starts with the first memory to look after and sleeps, without waking up in between, while there is none. A
/// block that was not used for its arena's ``Arena/Configuration/idleTime`` goes back to jemalloc and its pages to
/// the kernel; so do blocks beyond ``Arena/Configuration/idleByteLimit``, within 100 ms, and their pages after
/// ``Arena/Configuration/dirtyDecay``. Blocks that other threads keep for themselves are included.
///
/// If the process may map only so much (`ulimit -v`, `ulimit -d`), it looks ten times a second while any memory is idle,
/// and gives back what lies idle beyond what is left.
///
/// It runs no code of the program's: no deallocator, no signal handler. In a forked child it is turned off. It
/// keeps no process from ending by `exit` or by the end of `main`; a main thread that ends by `pthread_exit`
/// leaves the process to it.
///
/// Not promised: when exactly other memory goes, and that all goes; and the 100 ms only as far as the system lets the
/// thread run. A thread that is in the midst of using its blocks at
/// the moment of the look keeps them until the next; where the kernel refuses `membarrier`, a thread that does
/// nothing keeps its up to 2 MiB.
public enum MaintenanceThread {
  /// Whether the process may have the thread; true from the start, and where the system has no thread to give; false in a
  /// forked child.
  ///
  /// Turning it off waits until the thread has ended. From then on ``Arena/trim(keeping:)`` gives idle blocks back, a
  /// thread that releases a block beyond the limit gives that back itself, under the arena's lock, and jemalloc
  /// purges pages on threads that allocate. Not to be called in a signal handler.
  public static var isEnabled: Bool {
    get { Maintenance.isEnabled }
    set { if newValue { Maintenance.turnOn() } else { Maintenance.turnOff() } }
  }

  /// Whether the thread exists now.
  public static var isRunning: Bool { Maintenance.isRunning }
}
