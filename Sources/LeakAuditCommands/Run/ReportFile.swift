// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc
import LedgerReading

/// Where a report goes: a file, or standard error.
struct ReportFile {
  private let descriptor: Int32
  private let name: String

  /// Standard error.
  init() {
    descriptor = STDERR_FILENO
    name = "standard error"
  }

  /// Opens a file, and makes it empty.
  /// - Throws: ``CommandFailure``.
  init(_ path: String) throws(CommandFailure) {
    name = "\"\(path.shownOnTerminals)\""
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0o666)
    guard descriptor >= 0 else {
      throw CommandFailure(
        "the report \(name) cannot be written: \(systemError(errno)). Name another file by --output.")
    }
  }

  /// - Throws: ``CommandFailure`` if not all of it could be written.
  func write(_ text: String) throws(CommandFailure) {
    // The write then fails, instead of ending this process.
    for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    guard !writeAll(text, to: descriptor) else { return }
    throw CommandFailure("the report \(name) could not be written: \(systemError(errno)).")
  }
}
