import Glibc

/// How long this process may go on: what hangs must not keep a test waiting for ever.
public enum ProcessTimeLimit {
  /// Kills the process by `SIGALRM` where it is still there after so many seconds.
  public static func set(seconds: UInt32) {
    // Dispatch's threads block the signal; in a forked child, which may have such a thread only, nobody would take it.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGALRM)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    alarm(seconds)
  }

  public static func lift() { alarm(0) }
}
