// SPDX-License-Identifier: Apache-2.0

import Glibc

extension SeenProcess {
  /// Whether a process that a ledger names, and that runs, has begun another program by `exec`. The process id and the
  /// start time are the same then, but the ledger is not mapped any more.
  ///
  /// In doubt, this is false: if the process may not be looked at, or if the ledger that was read may be a copy of one
  /// that the process has mapped.
  /// - Parameter inode: of the file that was read; nil for a snapshot.
  static func hasBegunOtherProgram(_ owner: LedgerProcess, inode: UInt64?) -> Bool {
    guard let process = try? SeenProcess(owner.id), let files = OpenFiles(ofProcess: owner.id) else { return false }
    let mappings = MemoryMap.sharedMappings(ofProcess: owner.id)
    if mappings.contains(where: { $0.inode == inode }) { return false }
    do throws(LedgerReadingError) {
      guard let own = try process.findLedger() else { return !files.hasUnknownWritableFile(mappings) }
      let header = try LedgerHeader(own)
      guard let identity = try LedgerProcess(own, pageSize: header.pageSize) else { return false }
      return identity.madeAt != owner.madeAt
    } catch {
      return false
    }
  }
}

extension LedgerSnapshot {
  /// Whether the process of a snapshot that was kept runs now, with the same program. Nil if it did not run when the
  /// snapshot was taken, or if that cannot be found out: because it is another machine's, or is in another namespace.
  package var stillRuns: Bool? {
    guard isRunning == true, let process, process.host == Self.hostName,
      let runs = SeenProcess.isRunning(process, status)
    else { return nil }
    return runs && !SeenProcess.hasBegunOtherProgram(process, inode: nil)
  }

  private static var hostName: String {
    String(ledgerText: (ProcFile.contents("/proc/sys/kernel/hostname") ?? []).prefix { $0 != 0x0A }.prefix(64))
  }
}
