// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc
import LedgerReading

/// A file that is written whole or not at all: it gets its name when all of it is on the disk.
struct NewFile {
  /// Writes a file, in the place of a regular file of this name. What has this name and is no regular file (a symbolic
  /// link, a device, a pipe) stays, and the bytes go to where it leads.
  /// - Throws: ``CommandFailure``, also if the file is a ledger. No part of a new file is then left.
  static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    try refuseOutput(path, overwriting: [])
    letWritesFail()
    var status = stat()
    let isThere = unsafe lstat(path, &status) == 0
    if isThere, status.st_mode & S_IFMT != S_IFREG { try pass(bytes, to: path) } else { try replace(path, with: bytes) }
  }

  private static func pass(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    let file = unsafe open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { throw failure(path, errno) }
    let error = writeAll(bytes, to: file) ? 0 : errno
    guard close(file) == 0, error == 0 else { throw failure(path, error == 0 ? errno : error) }
  }

  private static func replace(_ path: String, with bytes: [UInt8]) throws(CommandFailure) {
    let temporary = "\(path).\(getpid()).partial"
    // Only for this user: a snapshot shows what a program does.
    let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure(path, errno) }
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
