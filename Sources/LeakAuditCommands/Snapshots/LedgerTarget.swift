// SPDX-License-Identifier: Apache-2.0

import Glibc
package import LedgerReading

/// What a person named on the command line: a process, a ledger in a file, or a snapshot in a file.
package enum LedgerTarget: Sendable, Equatable {
  case process(Int)
  case file(String)

  /// Finds out what is meant: a number is a process id; a text with a slash, or the name of a ledger or a snapshot that
  /// is there, is a file; everything else is the name of a command, or of the program's file if no command has this
  /// name. If no process is found, but another file has this name, such as the program itself, that file is meant.
  /// - Throws: ``CommandFailure`` if no process with a ledger has this name, or several have it.
  package init(_ text: String) throws(CommandFailure) {
    if let id = Int(text), id > 0 {
      self = .process(id)
    } else if text.contains("/") || Self.isLedgerOrSnapshot(text) {
      self = .file(text)
    } else {
      // /proc has 15 bytes of a command's name.
      let name = String(decoding: text.utf8.prefix(15), as: UTF8.self)
      let search = LedgerReader.search(allUsers: true)
      let ofCommand = search.found.filter { $0.command == name }
      let found = ofCommand.isEmpty ? search.found.filter { $0.program == text } : ofCommand
      guard found.count <= 1 else {
        let ids = found.map { "\($0.processID)" }.joined(separator: ", ")
        throw CommandFailure(
          "\(found.count) processes with a ledger are called \"\(text.shownOnTerminals)\": \(ids). Name one of these "
            + "process ids.")
      }
      guard let process = found.first else {
        guard !isThere(text) else {
          self = .file(text)
          return
        }
        let sawAll = search.refusedCount == 0
        let which = sawAll ? "" : " that this user may look at"
        let others =
          sawAll ? "" : " Some processes could not be looked at; root with all capabilities can look at them."
        throw CommandFailure(
          "no process with a ledger\(which) is called \"\(text.shownOnTerminals)\", and there is no such file. "
            + "`leak-audit list` shows the processes with a ledger.\(others)")
      }
      self = .process(process.processID)
    }
  }

  /// How long a process has for its answer. It answers at once, unless it was just asked, or is very busy.
  private static var answerTimeout: Duration { .milliseconds(200) }

  /// Reads what both books have. A process that runs is asked to count both at this moment. If it does not answer, the
  /// snapshot has its last answer, or none.
  /// - Parameter leastAge: an age for which the snapshot must be able to say how much is surely that old.
  /// - Throws: ``CommandFailure``, which says why it cannot be read, and what to do next.
  package func snapshot(leastAge: Int? = nil) throws(CommandFailure) -> LedgerSnapshot {
    try read(leastAge: leastAge).snapshot
  }

  /// Reads the same, and finds out where the memory of the process is. `memory` is nil for a file; `isKept` says
  /// whether it is a snapshot in a file.
  func snapshotAndMemory(
    leastAge: Int?
  ) throws(CommandFailure) -> (
    snapshot: LedgerSnapshot, isKept: Bool, memory: Result<ResidentSum, CommandFailure>?
  ) {
    let (snapshot, reader) = try read(leastAge: leastAge)
    do {
      return (snapshot, reader == nil, try reader?.residentSum(answer: snapshot.answer).map { .success($0) })
    } catch {
      return (snapshot, reader == nil, .failure(CommandFailure("\(error)")))
    }
  }

  /// Reads the same.
  /// - Returns: the snapshot, and the open ledger from which it was read. For a snapshot in a file, there is no ledger.
  func read(leastAge: Int? = nil) throws(CommandFailure) -> (snapshot: LedgerSnapshot, reader: LedgerReader?) {
    do {
      if case .file(let path) = self, let file = OpenSnapshotFile(path) {
        return (try SnapshotFile.snapshot(from: try file.bytes()), nil)
      }
      let reader = try open()
      _ = try reader.requestAnswer(timeout: Self.answerTimeout)
      return (try reader.snapshot(LedgerReader.Options(leastAge: leastAge)), reader)
    } catch let error as LedgerReadingError {
      throw CommandFailure(error)
    } catch let error as SnapshotFileError {
      throw CommandFailure(error.description(of: self))
    } catch {
      throw CommandFailure("\(self): \(error)")
    }
  }

  /// Whether a file is there that begins like a ledger or a snapshot, even if it is damaged.
  private static func isLedgerOrSnapshot(_ path: String) -> Bool {
    OpenSnapshotFile(path) != nil || LedgerReader.isLedger(path: path)
  }

  private func open() throws(LedgerReadingError) -> LedgerReader {
    switch self {
    case .process(let id): try LedgerReader(process: id)
    case .file(let path): try LedgerReader(path: path)
    }
  }
}

private func isThere(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

extension LedgerTarget: CustomStringConvertible {
  package var description: String {
    switch self {
    case .process(let id): "process \(id)"
    case .file(let path): "file \"\(path.shownOnTerminals)\""
    }
  }
}
