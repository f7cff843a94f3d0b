// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The stream for people: failures, and progress if the stream is a terminal.
package enum StandardError {
  package static let isTerminal = isatty(STDERR_FILENO) == 1

  /// Ignores errors, because there is no other stream to report them to.
  package static func write(_ text: String) { _ = writeAll(text, to: STDERR_FILENO) }
}

/// The stream for the report.
package enum StandardOutput {
  package static let isTerminal = isatty(STDOUT_FILENO) == 1

  /// - Returns: whether all of it was written; if not, `errno` says why.
  package static func write(_ text: String) -> Bool { writeAll(text, to: STDOUT_FILENO) }
}

/// - Returns: whether all of it was written; if not, `errno` says why.
package func writeAll(_ text: String, to descriptor: Int32) -> Bool { writeAll(Array(text.utf8), to: descriptor) }

/// - Returns: whether all of it was written; if not, `errno` says why.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  var bytes = bytes[...]
  while !bytes.isEmpty {
    let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return false }
    bytes = bytes.dropFirst(count)
  }
  return true
}
