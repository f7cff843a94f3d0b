// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc
import LedgerReading

/// A file that is written whole or not at all: it gets its name when all of it is on the disk.
struct NewFile {
  /// Writes a file, in the place of one that has this name.
  /// - Throws: ``CommandFailure``. No part of the file is then left.
  static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    let temporary = "\(path).\(getpid()).partial"
    // Only for this user: a snapshot shows what a program does.
    let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure(path, errno) }
    // Beyond `ulimit -f`, the write fails, instead of ending this process.
    signal(SIGXFSZ, SIG_IGN)
    var error: Int32 = 0
    if !writeAll(bytes, to: file) || fsync(file) != 0 { error = errno }
    if close(file) != 0, error == 0 { error = errno }
    if error == 0, unsafe rename(temporary, path) != 0 { error = errno }
    guard error != 0 else { return }
    unsafe unlink(temporary)
    throw failure(path, error)
  }

  private static func failure(_ path: String, _ error: Int32) -> CommandFailure {
    CommandFailure(
      "\"\(path.shownOnTerminals)\" could not be written: \(systemError(error)). Name another file by --output.")
  }
}
