// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Why a ledger could not be read.
package struct LedgerReadingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of refusal it is, for programs to act on.
  package enum Code: String, Sendable, CaseIterable {
    /// There is no process with this id, or it ended meanwhile.
    case noSuchProcess
    /// There is no file with this name.
    case noSuchFile
    /// The kernel refuses: the process or file belongs to another user, or the process may not be looked at.
    case notPermitted
    /// A ledger that its process just makes, or did not make to its end.
    case notFinished
    /// The process has no ledger.
    case noLedger
    /// The process has a ledger, but closed its descriptor, and the kernel does not let this user open the memory.
    case descriptorClosed
    /// The bytes are no ledger, or this is no regular file.
    case notALedger
    /// The end of a ledger is missing.
    case cutShort
    /// A ledger of a version that this reader does not know.
    case unknownVersion
    /// A ledger whose bytes contradict each other.
    case damaged
    /// The file became longer or shorter while it was read.
    case changedWhileRead
    /// The kernel could not read for another reason.
    case inputOutput
  }

  /// The code together with what the description shows.
  package enum Reason: Equatable, Sendable {
    case noSuchProcess
    case noSuchFile
    case notPermitted(errno: Int32, owner: Owner)
    case notFinished
    /// `usesLibrary` says whether the program has this library in it; nil if that could not be found out.
    case noLedger(usesLibrary: Bool?)
    case descriptorClosed(errno: Int32)
    case notALedger(NotALedger)
    /// `byteCount` is what is there; `wanted` is what the ledger has, and nil if the header is not whole.
    case cutShort(byteCount: Int, wanted: Int?)
    case unknownVersion(UInt32)
    case damaged(what: String, offset: Int)
    case changedWhileRead(what: String)
    case inputOutput(call: String, errno: Int32)

    var code: Code {
      switch self {
      case .noSuchProcess: .noSuchProcess
      case .noSuchFile: .noSuchFile
      case .notPermitted: .notPermitted
      case .notFinished: .notFinished
      case .noLedger: .noLedger
      case .descriptorClosed: .descriptorClosed
      case .notALedger: .notALedger
      case .cutShort: .cutShort
      case .unknownVersion: .unknownVersion
      case .damaged: .damaged
      case .changedWhileRead: .changedWhileRead
      case .inputOutput: .inputOutput
      }
    }
  }

  /// Whose a process or file is that may not be read. It decides what can be done.
  package enum Owner: Equatable, Sendable {
    /// This process's own user. A process is then refused because it is not dumpable, or has capabilities.
    case sameUser
    case otherUser(Int)
    case unknown
  }

  /// What was found in the place of a ledger.
  package enum NotALedger: Equatable, Sendable {
    case folder, device, pipe
    /// A socket cannot be opened, nor can a device without a driver.
    case socket
    /// A regular file of other bytes; of none, if the count is 0.
    case bytes(Int)
  }

  package let reason: Reason
  package let subject: LedgerSubject

  package init(_ reason: Reason, of subject: LedgerSubject) {
    self.reason = reason
    self.subject = subject
  }

  package var code: Code { reason.code }

  /// Whether the bytes are those of a ledger of which nothing has been written yet: zeros, or none.
  package var isOfUnfinishedLedger: Bool { reason == .notFinished || reason == .notALedger(.bytes(0)) }

  /// The `errno` of the system call that failed.
  package var systemErrorNumber: Int32? {
    switch reason {
    case .notPermitted(let errno, _), .descriptorClosed(let errno), .inputOutput(_, let errno): errno
    default: nil
    }
  }

  /// What happened, where, and what to do next.
  package var description: String {
    switch reason {
    case .noSuchProcess:
      "there is no \(subject): it has ended, or it is in another pid namespace. `leak-audit list` shows the processes "
        + "with a ledger."
    case .noSuchFile: "there is no \(subject). Check the path."
    case .notPermitted(let errno, let owner):
      "the kernel does not let this user read the ledger of \(subject) (\(systemMessage(errno))). "
        + subject.refusalAdvice(owner)
    case .notFinished:
      "\(subject) is no ledger yet: it begins with zeros. If it is one, the process just makes it, and you can read it "
        + "in a moment; or the process ended before it had made it. Otherwise check the path."
    case .noLedger(usesLibrary: false?):
      "\(subject) has no ledger: its program does not seem to use NativeBuffers. Check the process id; `leak-audit "
        + "list` shows the processes with a ledger."
    case .noLedger(usesLibrary: true?):
      "\(subject) has no ledger that others can read: it has created no buffer yet, its ledger is private memory (its "
        + "standard error says why), or its ledger is in a file whose descriptor it closed: then name that file. "
        + "Otherwise set NATIVE_BUFFERS_LEDGER to a path, and start it again."
    case .noLedger(usesLibrary: nil):
      "\(subject) has no ledger that others can read. `leak-audit list` shows the processes with a ledger."
    case .descriptorClosed(let errno):
      "\(subject) has a ledger, but closed the ledger's descriptor, and the kernel does not let this user open the "
        + "memory (\(systemMessage(errno))). Run the command as root, outside of containers; or set "
        + "NATIVE_BUFFERS_LEDGER to a path, and start the process again."
    case .notALedger(.folder): "\(subject.name) is a folder. Name a ledger or a snapshot in it."
    case .notALedger(.device): "\(subject.name) is a device. Name a ledger or a snapshot in a regular file."
    case .notALedger(.pipe): "\(subject.name) is a pipe. Write what comes from it into a file, and name that file."
    case .notALedger(.socket): "\(subject.name) is a socket. Name a ledger or a snapshot in a regular file."
    case .notALedger(.bytes(0)): "\(subject) is empty. Check the path, and whether what writes the file has ended."
    case .notALedger(.bytes):
      "\(subject) is neither a ledger nor a snapshot: it begins with other bytes. Check the path."
    case .cutShort(let byteCount, let wanted):
      "the ledger of \(subject) is cut short: it has \(byteCount.grouped) bytes"
        + (wanted.map { ", and says that it has \($0.grouped)" } ?? ", which is not even its header")
        + ". Copy it again, and look whether the disk is full."
    case .unknownVersion(let version):
      "the ledger of \(subject) has version \(version), and this program reads version 2. Use the leak-audit that was "
        + "built with the same version of NativeBuffers as the program."
    case .damaged(let what, let offset):
      "the ledger of \(subject) is damaged: \(what), at byte \(offset.grouped). If the program that wrote it still "
        + "runs, something in it writes over the ledger's memory; if this is a copy, copy it again."
    case .changedWhileRead(let what):
      "the ledger of \(subject) changed while it was read: \(what). Another program writes to the file. Copy the file, "
        + "and read the copy."
    case .inputOutput(let call, let errno):
      "the ledger of \(subject) could not be read: \(call) failed (\(systemMessage(errno)))."
    }
  }
}

/// Whose ledger a message is about.
package enum LedgerSubject: Equatable, Sendable, CustomStringConvertible {
  case process(Int)
  case file(String)

  package var description: String {
    switch self {
    case .process(let id): "process \(id)"
    case .file: "file \(name)"
    }
  }

  /// Why it may not be read, and what to do next.
  fileprivate func refusalAdvice(_ owner: LedgerReadingError.Owner) -> String {
    switch (self, owner) {
    case (.process, .sameUser):
      "It is a process of this user, but it is not dumpable, or has capabilities that this command does not have. A "
        + "process is not dumpable if it called prctl(PR_SET_DUMPABLE, 0), changed its user, or was started from a "
        + "set-uid file or a file with capabilities. Run the command as root, with all capabilities; or set "
        + "NATIVE_BUFFERS_LEDGER to a path, start the process again, and name that file."
    case (.process, .otherUser(let id)):
      "It is a process of the user with the id \(id). Run the command as that user, or as root."
    case (.process, .unknown): "Run the command as the user of that process, or as root."
    case (.file, .sameUser):
      "The file is this user's, so its mode, or that of a folder, forbids it. Allow it by `chmod u+r`, or run the "
        + "command as root."
    case (.file, .otherUser(let id)):
      "The file belongs to the user with the id \(id). Run the command as that user, or as root."
    case (.file, .unknown): "Run the command as the user of that file, or as root."
    }
  }

  /// What is read, if it may be something else than a file.
  var name: String {
    switch self {
    case .process: description
    case .file(let path): "\"\(path.shownOnTerminals)\""
    }
  }
}
