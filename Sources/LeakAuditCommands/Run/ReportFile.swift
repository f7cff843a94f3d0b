// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc
import LedgerReading

/// Where a report goes: a file, standard output, or standard error.
struct ReportFile {
  /// Nil for a pipe that no program reads yet.
  private let descriptor: Int32?
  private let path: String
  private let name: String

  /// Standard error.
  init() {
    descriptor = STDERR_FILENO
    path = ""
    name = "on standard error"
  }

  /// Opens a file, and makes it empty; "-" stands for standard output. A pipe that no program reads yet is opened when
  /// the report is written: to wait for a reader here would keep the command from running.
  /// - Parameter inputs: files that are read, and so must not be emptied.
  /// - Throws: ``CommandFailure``, also if the file is one of these, or a ledger.
  init(_ path: String, inputs: [String]) throws(CommandFailure) {
    try refuseOutput(path, overwriting: inputs)
    self.path = path
    guard path != "-" else {
      descriptor = STDOUT_FILENO
      name = "on standard output"
      return
    }
    name = "\"\(path.shownOnTerminals)\""
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o666)
    if file >= 0 {
      // Only to open it must not wait. A write waits until the reader has read.
      _ = fcntl(file, F_SETFL, fcntl(file, F_GETFL) & ~O_NONBLOCK)
      descriptor = file
    } else if errno == ENXIO, Self.isPipe(path) {
      descriptor = nil
    } else {
      throw CommandFailure(
        "the report \(name) cannot be written: \(systemError(errno)). Name another file by --output.")
    }
  }

  /// Writes the report. If it goes into a pipe that no program reads yet, this waits for a reader, and says so.
  /// - Throws: ``CommandFailure`` if not all of it could be written.
  func write(_ text: String) throws(CommandFailure) {
    letWritesFail()
    guard let file = descriptor ?? opened(), writeAll(text, to: file) else {
      throw CommandFailure(
        "the report \(name) could not be written: \(systemError(errno)). Name another file by --output.")
    }
  }

  /// Opens the pipe; nil if that fails.
  private func opened() -> Int32? {
    StandardError.write("leak-audit: the report waits for a program that reads \(name). Ctrl-C drops the report.\n")
    let file = unsafe open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    return file < 0 ? nil : file
  }

  private static func isPipe(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }
}
