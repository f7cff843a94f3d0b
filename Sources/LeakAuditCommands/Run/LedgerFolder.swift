// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger

/// A folder of our own, in which the processes of a command put their ledgers.
///
/// While the command runs, this process holds a lock on the folder (`flock`). The kernel ends the lock together with
/// the process, also after SIGKILL. So a folder without a lock was left by a run that was killed, and the next run
/// removes it.
struct LedgerFolder {
  let path: String
  /// The open folder, which has the lock.
  private let descriptor: Int32

  /// Room that a file system in memory must have, so that the ledgers are put there.
  private static let wantedRoom = 256 << 20

  /// Makes the folder in `/dev/shm` if there is enough room. Pages of a file on a disk are written back again and
  /// again, and each time the process makes a fault for them. The second choice is `TMPDIR`, and the third is `/tmp`.
  /// Folders that earlier runs left in these places are removed before.
  /// - Parameter parent: the folder in which it is made; nil for the usual ones.
  /// - Throws: ``ValueRefusal`` that says where no folder could be made, and why.
  init(in parent: String? = nil) throws(ValueRefusal) {
    var parents = parent.map { [$0] } ?? ["/dev/shm", Environment["TMPDIR"], "/tmp"].compactMap { $0 }
    for parent in parents { Self.removeForsaken(in: parent) }
    if parent == nil, Self.room(of: "/dev/shm") < Self.wantedRoom { parents.removeFirst() }
    var refusals: [String] = []
    for parent in parents {
      do throws(SystemError) {
        (path, descriptor) = try Self.make(in: parent)
        return
      } catch {
        refusals.append("in \(parent): \(systemError(error.number))")
      }
    }
    throw ValueRefusal("no folder for the ledgers could be made, \(refusals.joined(separator: "; ")).")
  }

  /// Makes a folder, and locks it.
  private static func make(in parent: String) throws(SystemError) -> (path: String, descriptor: Int32) {
    while true {
      var template = Array("\(parent)/\(LedgerFile.runFolderPrefix)XXXXXX".utf8CString)
      // SAFETY: `mkdtemp` changes the six letters in place; the array ends with a zero.
      guard let made = unsafe mkdtemp(&template) else { throw SystemError(number: errno) }
      let path = unsafe String(cString: made)
      if let descriptor = open(path) {
        // Not every file system has locks. Without them, no run removes what another one left.
        let isOurs = flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
        if isOurs, isSame(path, descriptor) { return (path, descriptor) }
        close(descriptor)
      } else if errno != ENOENT {
        throw SystemError(number: errno)
      }
      // Another run just took the folder, which had no lock yet, for one that was left.
    }
  }

  private static func open(_ path: String) -> Int32? {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    return descriptor < 0 ? nil : descriptor
  }

  private static func isSame(_ path: String, _ descriptor: Int32) -> Bool {
    var (named, opened) = (stat(), stat())
    return unsafe lstat(path, &named) == 0 && fstat(descriptor, &opened) == 0 && named.st_ino == opened.st_ino
      && named.st_dev == opened.st_dev
  }

  /// Removes what runs of this user left that were killed: folders with a name like ours and without a lock. A folder
  /// stays as long as a process whose ledger is in it lives, and if there is anything else in it.
  private static func removeForsaken(in parent: String) {
    for name in (try? folderEntries(parent)) ?? [] where name.hasPrefix(LedgerFile.runFolderPrefix) {
      let path = "\(parent)/\(name)"
      guard let descriptor = open(path) else { continue }
      defer { close(descriptor) }
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0, status.st_uid == geteuid(),
        flock(descriptor, LOCK_EX | LOCK_NB) == 0
      else { continue }
      let ledgers = ledgers(in: path)
      if ledgers.contains(where: { kill(pid_t(clamping: $0.processID), 0) == 0 || errno == EPERM }) { continue }
      remove(path, descriptor, ledgers)
    }
  }

  /// Removes ledgers from an open folder, and then the folder if it is empty.
  private static func remove(_ path: String, _ descriptor: Int32, _ ledgers: [FoundLedger]) {
    for ledger in ledgers { unsafe unlinkat(descriptor, ledger.name, 0) }
    unsafe rmdir(path)
  }

  /// The value of `NATIVE_BUFFERS_LEDGER` for the command: each process has its id in the place of %p.
  var ledgerPattern: String { "\(path)/%p.ledger" }

  /// A ledger in the folder.
  struct FoundLedger {
    let processID: Int
    /// The file's name in the folder.
    let name: String
    let path: String
    /// Whether its program began another one in the same process, by `exec`.
    let isReplaced: Bool
  }

  /// The ledgers that are in the folder, by process id; if a process has two, that of its earlier program is first.
  var ledgers: [FoundLedger] { Self.ledgers(in: path) }

  private static func ledgers(in path: String) -> [FoundLedger] {
    ((try? folderEntries(path)) ?? []).compactMap { name in
      let isReplaced = name.hasSuffix(".before-exec")
      let own = isReplaced ? name.dropLast(".before-exec".count) : name[...]
      guard own.hasSuffix(".ledger"), let id = Int(own.dropLast(".ledger".count)), id > 0 else { return nil }
      return FoundLedger(processID: id, name: name, path: "\(path)/\(name)", isReplaced: isReplaced)
    }
    .sorted { ($0.processID, $0.isReplaced ? 0 : 1) < ($1.processID, $1.isReplaced ? 0 : 1) }
  }

  /// Removes the ledgers and the folder. A process that still runs keeps its ledger, which has no name any more.
  func remove() {
    Self.remove(path, descriptor, ledgers)
    close(descriptor)
  }

  private static func room(of folder: String) -> Int {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0, unsafe access(folder, W_OK) == 0 else { return 0 }
    return Int(clamping: UInt128(status.f_bavail) * UInt128(status.f_frsize))
  }
}
