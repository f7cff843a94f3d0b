// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization

/// Why it cannot be said where the memory of a process is.
package struct ResidencyError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Code: Sendable {
    /// There is no process of this number.
    case noSuchProcess
    /// The kernel does not let this user look into the process.
    case notPermitted
    /// The process ended, or began another program, while it was looked at; or it has ended, and its parent has not
    /// noticed yet. A kernel thread looks the same: it has no memory of its own.
    case vanished
    /// The kernel's text does not have the form that is expected.
    case malformed
    /// The kernel refused for another reason, which is in ``ResidencyError/systemErrorNumber``.
    case refused
  }

  package let code: Code
  /// The file, as "/proc/1234/smaps".
  package let path: String
  /// The `errno` of the system call that the kernel refused; nil if no call was refused.
  package let systemErrorNumber: Int32?
  /// For ``Code/malformed``: the number of the line, counted from 1, and its beginning.
  package let line: Line?

  package struct Line: Equatable, Sendable {
    package let number: Int
    package let text: String
  }

  package init(_ code: Code, path: String, systemErrorNumber: Int32? = nil, line: Line? = nil) {
    self.code = code
    self.path = path
    self.systemErrorNumber = systemErrorNumber
    self.line = line
  }

  /// The error for a system call that failed with this `errno`.
  init(errno: Int32, path: String) {
    let code: Code =
      switch errno {
      case ENOENT: .noSuchProcess
      case EACCES, EPERM: .notPermitted
      case ESRCH: .vanished
      default: .refused
      }
    self.init(code, path: path, systemErrorNumber: errno)
  }

  package var description: String {
    switch code {
    case .noSuchProcess: "\(path): there is no such process."
    case .notPermitted:
      "\(path): permission denied. Only root may read this file, and the user of the process if it is dumpable (not so "
        + "after prctl(PR_SET_DUMPABLE, 0), or after a start from a set-uid file)."
    case .vanished: "\(path): the process has ended, or it has no memory of its own."
    case .malformed:
      "\(path): line \(line?.number ?? 0) has an unexpected form"
        + (line.map { ": \"\($0.text)\"." } ?? ".")
    case .refused: "\(path): \(systemErrorNumber.map(systemMessage) ?? "the kernel refused")."
    }
  }
}
