internal import Glibc
import Synchronization

/// Ctrl-C and SIGTERM end the work between two pictures, so that it leaves nothing behind.
package enum Interruption {
  private static let signalNumber = Atomic<Int32>(0)

  /// The signal that asked for an end; 0 for none.
  package static var current: Int32 { signalNumber.load(ordering: .relaxed) }

  package static func watch() {
    // Made before the handler can run: a handler must not initialise anything.
    signalNumber.store(0, ordering: .relaxed)
    var watched = sigset_t()
    unsafe sigemptyset(&watched)
    for number in [SIGINT, SIGTERM] {
      signal(number) { Interruption.signalNumber.store($0, ordering: .relaxed) }
      unsafe sigaddset(&watched, number)
    }
    // A parent may have had them blocked, and a child starts with what its parent had.
    unsafe sigprocmask(SIG_UNBLOCK, &watched, nil)
    // A reader who went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    // So is a file beyond `ulimit -f`: the write fails, and the temporary file is removed.
    signal(SIGXFSZ, SIG_IGN)
  }
}
