// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process as `/proc` shows it to this one. Nothing but `/proc/PID` is needed of it, so it may have other mounts,
/// another root and other namespaces.
struct SeenProcess: Sendable {
  /// The start of the memfd's name.
  private static var memfdName: StaticString { "native-buffers-ledger" }

  /// Its id in the pid namespace to which this process's `/proc` belongs.
  let id: Int
  /// Field 22 of its `stat`: another process with the same id has another one.
  private let startTime: UInt64?

  /// - Throws: ``LedgerReadingError`` if there is no such process.
  init(_ id: Int) throws(LedgerReadingError) {
    guard let status = ProcessStatus(id), status.isRunning else {
      throw LedgerReadingError(.noSuchProcess, of: .process(id))
    }
    self.id = id
    startTime = status.startTime
  }

  /// Whether the process has not ended.
  var isRunning: Bool {
    guard let status = ProcessStatus(id) else { return false }
    return status.isRunning && status.startTime == startTime
  }

  private var folder: String { "/proc/\(id)" }
  private var subject: LedgerSubject { .process(id) }

  /// The process's effective user; nil if it is gone.
  var userID: Int? { ProcessStatus.effectiveUser(id) }
  /// The name of its command now, of at most 15 bytes; nil if it has none, or is gone.
  var command: String? {
    let name = (ProcFile.contents("\(folder)/comm") ?? []).prefix { $0 != 0x0A }
    return name.isEmpty ? nil : String(ledgerText: name)
  }

  /// The name of the file that it runs, without its folder.
  var program: String? {
    guard let path = ProcFile.link("\(folder)/exe"), let name = path.split(separator: "/").last else { return nil }
    // The kernel says so of a file that was replaced meanwhile.
    let deleted = " (deleted)"
    return String(name.hasSuffix(deleted) ? name.dropLast(deleted.count) : name)
  }

  // MARK: Its ledger

  /// Opens the process's own ledger.
  /// - Throws: ``LedgerReadingError`` if there is none, or it may not be read.
  func openLedger() throws(LedgerReadingError) -> LedgerSource {
    if let ledger = try findLedger() { return ledger }
    throw LedgerReadingError(
      isRunning
        ? .noLedger(usesLibrary: ProcFile.file("\(folder)/exe", contains: Self.memfdName)) : .noSuchProcess,
      of: subject)
  }

  /// Opens the process's own ledger: a memfd with the name above, or else a file that it has mapped shared and that
  /// begins like a ledger.
  /// - Returns: nil if there is none.
  /// - Throws: ``LedgerReadingError`` if it may not be read, or is damaged.
  func findLedger() throws(LedgerReadingError) -> LedgerSource? {
    guard let files = OpenFiles(ofProcess: id) else {
      let code = errno
      throw LedgerReadingError(LedgerReadingError.Reason(openFailedWith: code, subject), of: subject)
    }
    if let ledger = try own(files.nameless(Self.memfdName)) { return ledger }
    // A file's name says nothing. Files that the process has not mapped shared are not opened.
    let mappings = MemoryMap.sharedMappings(ofProcess: id)
    if let ledger = try own(files.named(Set(mappings.map(\.name)))) { return ledger }
    return try ownClosed(files.closed(Self.memfdName, mappings))
  }

  /// The process's own ledger, which it has mapped, and whose descriptor it has closed.
  private func ownClosed(_ paths: [String]) throws(LedgerReadingError) -> LedgerSource? {
    do throws(LedgerReadingError) {
      return try own(paths)
    } catch {
      guard case .notPermitted(let errno, _) = error.reason else { throw error }
      throw LedgerReadingError(.descriptorClosed(errno: errno), of: subject)
    }
  }

  /// The first of these files that is the process's own ledger, and not one of a process that it reads, or of its
  /// parent.
  private func own(_ paths: [String]) throws(LedgerReadingError) -> LedgerSource? {
    var refusal: LedgerReadingError?
    for path in paths {
      do throws(LedgerReadingError) {
        let source = try LedgerSource(path: path, subject: subject)
        let header = try LedgerHeader(source)
        guard let owner = try LedgerProcess(source, pageSize: header.pageSize) else { return source }
        if owner.id == innermostID, isNamespace(owner.pidNamespace) { return source }
      } catch {
        // A descriptor that was just closed, or another file.
        if ![.noSuchProcess, .notALedger, .notFinished].contains(error.code) { refusal = error }
      }
    }
    if let refusal { throw refusal }
    return nil
  }

  /// The process's id in its own pid namespace, which is the one that its ledger has.
  private var innermostID: Int { ProcessStatus.numbers("NSpid:", ofProcess: id).last ?? id }

  /// Whether the process may be in a pid namespace that a ledger names. A process whose root has no `/proc` does not
  /// know its own, and its ledger has 0.
  private func isNamespace(_ number: UInt64) -> Bool {
    number == 0 || ProcessStatus.pidNamespace("\(id)").map { $0 == number } ?? true
  }

  // MARK: A process that a ledger in a file names

  /// Whether the program that wrote a ledger still runs. Nil if that cannot be found out: its process ids are those of
  /// another namespace, or it had no `/proc` and so does not say enough about itself.
  static func isRunning(_ process: LedgerProcess, _ status: LedgerSnapshot.Status) -> Bool? {
    if status == .ended || status == .replaced { return false }
    guard let bootID = ProcFile.text("/proc/sys/kernel/random/boot_id")?.prefix(36) else { return nil }
    if let itsBootID = process.bootID, bootID != itsBootID { return false }
    guard ProcessStatus.pidNamespace("self") == process.pidNamespace else { return nil }
    let seen = ProcessStatus(process.id).flatMap { $0.isRunning ? $0 : nil }
    // Another process with the same id has another start time.
    let isSame: Bool? = process.startTime == 0 ? nil : seen?.startTime == process.startTime
    if isSame == true { return true }
    // Without a boot id, it may have been another machine's process.
    return process.bootID == nil || (seen != nil && isSame == nil) ? nil : false
  }
}

/// What `/proc/PID/stat` says, and `/proc/PID/status`.
struct ProcessStatus {
  let isRunning: Bool
  let startTime: UInt64?

  init?(_ id: Int) {
    guard id > 0, let text = ProcFile.text("/proc/\(id)/stat") else { return nil }
    // The second field is a name in parentheses, which may have parentheses and blanks.
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard let state = fields.first else { return nil }
    isRunning = !["Z", "X", "x"].contains(state)
    startTime = fields.count > 19 ? UInt64(fields[19]) : nil
  }

  /// The numbers in a line of the file `status`, which begins with this key.
  static func numbers(_ key: String, ofProcess id: Int) -> [Int] {
    let lines = ProcFile.text("/proc/\(id)/status")?.split(separator: "\n") ?? []
    let line = lines.first { $0.hasPrefix(key) } ?? ""
    return line.split(whereSeparator: \.isWhitespace).dropFirst().compactMap { Int($0) }
  }

  /// The effective user of a process; nil if it is gone. The owner of the folder `/proc/PID` would be root if the
  /// process is not dumpable.
  static func effectiveUser(_ id: Int) -> Int? {
    let users = numbers("Uid:", ofProcess: id)
    return users.count > 1 ? users[1] : nil
  }

  static func pidNamespace(_ id: String) -> UInt64? {
    // pid:[4026531836]
    ProcFile.link("/proc/\(id)/ns/pid").flatMap { UInt64($0.filter { $0 >= "0" && $0 <= "9" }) }
  }
}
