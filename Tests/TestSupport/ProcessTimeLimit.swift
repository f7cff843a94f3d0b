// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Limits how long this process runs, so that a process that hangs does not keep a test waiting for ever.
public enum ProcessTimeLimit {
  /// Kills the process by `SIGALRM` if it still runs after so many seconds.
  public static func set(seconds: UInt32) {
    // Dispatch's threads block the signal. A forked child may have only such a thread, and then no thread would receive
    // it.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGALRM)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    alarm(seconds)
  }

  public static func lift() { alarm(0) }
}
