// SPDX-License-Identifier: Apache-2.0

import Glibc
import LedgerReading
import ResourceLedger

/// Sees to it that a file that a command writes does not take the place of one that it reads, nor of any ledger. It is
/// called before the output is opened, because to open it may empty it.
/// - Parameter inputs: the files that the command reads. The output may have another name for one of them.
/// - Throws: ``CommandFailure`` if it would.
func refuseOutput(_ path: String, overwriting inputs: [String]) throws(CommandFailure) {
  guard path != "-", let output = RegularFile(path) else { return }
  let what =
    inputs.contains { RegularFile($0) == output }
    ? "the file that is read" : LedgerFile.isLedger(path) ? "a ledger" : nil
  guard let what else { return }
  throw CommandFailure(
    "\"\(path.shownOnTerminals)\" is \(what), and would be destroyed. Name another file by --output.")
}

/// A regular file by device and number: two paths to the same file are equal.
private struct RegularFile: Equatable {
  private let device: UInt
  private let number: UInt

  /// Nil if the path leads to no regular file.
  init?(_ path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    device = status.st_dev
    number = status.st_ino
  }
}
