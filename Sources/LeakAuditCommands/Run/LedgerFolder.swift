// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A folder of our own, in which the processes of a command put their ledgers.
struct LedgerFolder {
  let path: String

  /// Room that a file system in memory must have, so that the ledgers are put there.
  private static let wantedRoom = 256 << 20

  /// Makes the folder in `/dev/shm` if there is enough room. Pages of a file on a disk are written back again and
  /// again, and each time the process makes a fault for them. The second choice is `TMPDIR`, and the third is `/tmp`.
  /// - Parameter parent: the folder in which it is made; nil for the usual ones.
  /// - Throws: ``ValueRefusal`` that says where no folder could be made, and why.
  init(in parent: String? = nil) throws(ValueRefusal) {
    var parents = [parent ?? Environment["TMPDIR"], parent == nil ? "/tmp" : nil].compactMap { $0 }
    if parent == nil, Self.room(of: "/dev/shm") >= Self.wantedRoom { parents.insert("/dev/shm", at: 0) }
    var refusals: [String] = []
    for parent in parents {
      var template = Array("\(parent)/leak-audit-XXXXXX".utf8CString)
      // SAFETY: `mkdtemp` changes the six letters in place; the array ends with a zero.
      if let made = unsafe mkdtemp(&template) {
        path = unsafe String(cString: made)
        return
      }
      refusals.append("in \(parent): \(systemError(errno))")
    }
    throw ValueRefusal("No folder for the ledgers could be made, \(refusals.joined(separator: "; ")).")
  }

  /// The value of `NATIVE_BUFFERS_LEDGER` for the command: each process has its id in the place of %p.
  var ledgerPattern: String { "\(path)/%p.ledger" }

  /// A ledger in the folder.
  struct FoundLedger {
    let processID: Int
    let path: String
    /// Whether its program began another one in the same process, by `exec`.
    let isReplaced: Bool
  }

  /// The ledgers that are in the folder, by process id; if a process has two, that of its earlier program is first.
  var ledgers: [FoundLedger] {
    fileNames.compactMap { name in
      let isReplaced = name.hasSuffix(".before-exec")
      let own = isReplaced ? name.dropLast(".before-exec".count) : name[...]
      guard own.hasSuffix(".ledger"), let id = Int(own.dropLast(".ledger".count)) else { return nil }
      return FoundLedger(processID: id, path: "\(path)/\(name)", isReplaced: isReplaced)
    }
    .sorted { ($0.processID, $0.isReplaced ? 0 : 1) < ($1.processID, $1.isReplaced ? 0 : 1) }
  }

  /// Removes the folder with everything in it. A process that still runs keeps its ledger, which has no name any more.
  func remove() {
    for name in fileNames { unsafe unlink("\(path)/\(name)") }
    unsafe rmdir(path)
  }

  private var fileNames: [String] { (try? folderEntries(path)) ?? [] }

  private static func room(of folder: String) -> Int {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0, unsafe access(folder, W_OK) == 0 else { return 0 }
    return Int(clamping: UInt128(status.f_bavail) * UInt128(status.f_frsize))
  }
}
