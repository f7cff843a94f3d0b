// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc
import LedgerReading

/// A file that is written whole or not at all: it gets its name when all of it is on the disk.
struct NewFile {
  /// Writes a file, in the place of one that has this name, or of the one that a symbolic link of this name leads to.
  /// A device or a pipe stays, and gets the bytes.
  /// - Throws: ``CommandFailure``. No part of a regular file is then left.
  static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    // Beyond `ulimit -f`, or to a pipe that is not read, the write fails, instead of ending this process.
    for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return try replace(path, with: bytes, name: path) }
    var target = path
    if status.st_mode & S_IFMT == S_IFLNK {
      guard let resolved = unsafe realpath(path, nil) else { throw failure(path, errno) }
      target = unsafe String(cString: resolved)
      unsafe free(resolved)
      guard unsafe stat(target, &status) == 0 else { throw failure(path, errno) }
    }
    if status.st_mode & S_IFMT == S_IFREG { return try replace(target, with: bytes, name: path) }
    let file = unsafe open(target, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { throw failure(path, errno) }
    let error = writeAll(bytes, to: file) ? 0 : errno
    guard close(file) == 0, error == 0 else { throw failure(path, error == 0 ? errno : error) }
  }

  /// - Parameter name: what the user calls the file.
  private static func replace(_ path: String, with bytes: [UInt8], name: String) throws(CommandFailure) {
    let temporary = "\(path).\(getpid()).partial"
    // Only for this user: a snapshot shows what a program does.
    let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure(name, errno) }
    var error: Int32 = 0
    if !writeAll(bytes, to: file) || fsync(file) != 0 { error = errno }
    if close(file) != 0, error == 0 { error = errno }
    if error == 0, unsafe rename(temporary, path) != 0 { error = errno }
    guard error != 0 else { return }
    unsafe unlink(temporary)
    throw failure(name, error)
  }

  private static func failure(_ path: String, _ error: Int32) -> CommandFailure {
    CommandFailure(
      "\"\(path.shownOnTerminals)\" could not be written: \(systemError(error)). Name another file by --output.")
  }
}
