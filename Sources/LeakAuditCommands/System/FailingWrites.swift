// SPDX-License-Identifier: Apache-2.0

import Glibc

/// From now on, a write to a pipe that is not read, or beyond `ulimit -f`, fails with an error. Without this, a signal
/// ends the process.
func letWritesFail() {
  for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
}
