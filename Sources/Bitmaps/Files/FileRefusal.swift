// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization

/// Why the kernel refused to open, read, make or write a file or folder, and what helps.
///
/// - Parameter errorNumber: The `errno` of the call.
/// - Returns: The end of a sentence that says what could not be done, and a sentence of advice if there is any. It ends
///   with a full stop.
package func fileRefusal(_ errorNumber: Int32) -> String {
  switch errorNumber {
  case ENOENT: "there is no such file or folder. Look whether the path is right, or whether it was moved meanwhile."
  case ENOTDIR: "a part of its path is not a folder. Look whether the path is right."
  case EACCES, EPERM: "permission denied. Look at the rights of the file, and of the folders in its path."
  case EMFILE, ENFILE: "too many files are open. Raise the limit of open files, or do less at the same time."
  case ENOSPC, EDQUOT: "the disk is full. Make room on it, or take another one."
  case EFBIG: "the file would be larger than is allowed here. Raise the limit of `ulimit -f`, or take another disk."
  case EROFS: "the file system is read-only. Take another folder."
  case ENAMETOOLONG: "the name or the path is too long. Take a shorter one."
  case ELOOP: "there are too many links in its path, or they lead in a circle. Give the path without links."
  case EISDIR: "there is a folder of that name. Take another name."
  case EEXIST: "something else has that name. Move it away, or take another name."
  case EPIPE: "the program that reads it has ended."
  case EIO: "the disk failed. Look at the system's log, and try again with a copy on another disk."
  default: "\(systemMessage(errorNumber)) (errno \(errorNumber))."
  }
}
