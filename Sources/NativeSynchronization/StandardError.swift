// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Says on standard error what a user should know and no error can say, because the program goes on.
package enum StandardError {
  /// Prints one line, by one system call, so that lines of several threads do not mix.
  package static func print(_ message: String) {
    var line = "NativeBuffers: \(message)\n"
    line.withUTF8 { bytes in _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }
}
