// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Lets Ctrl-C and SIGTERM end the work between two pictures, so that nothing unfinished stays behind.
package enum Interruption {
  private static let signalNumber = Atomic<Int32>(0)

  /// The signal that asked for an end; 0 for none.
  package static var current: Int32 { signalNumber.load(ordering: .relaxed) }

  package static func watch() {
    // Initialises the variable before the handler can run: a handler must not initialise anything.
    signalNumber.store(0, ordering: .relaxed)
    var watched = sigset_t()
    unsafe sigemptyset(&watched)
    for number in [SIGINT, SIGTERM] {
      signal(number) { Interruption.signalNumber.store($0, ordering: .relaxed) }
      unsafe sigaddset(&watched, number)
    }
    // The parent process may have blocked these signals, and a child inherits that.
    unsafe sigprocmask(SIG_UNBLOCK, &watched, nil)
    // If the reader of our output goes away, the write fails instead of ending the process.
    signal(SIGPIPE, SIG_IGN)
    // The same for a file beyond `ulimit -f`: the write fails, and the temporary file is removed.
    signal(SIGXFSZ, SIG_IGN)
  }
}
