// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process with a ledger.
package struct LedgerListing: Sendable, Equatable {
  /// Its id, as this process's `/proc` shows it.
  package let processID: Int
  package let userID: Int
  /// The name of its command, of at most 15 bytes.
  package let command: String
}

extension LedgerReader {
  /// Finds the processes that have a ledger.
  /// - Parameter allUsers: whether to look at processes of other users, too. Those that this user may not look at are
  ///   left out.
  /// - Returns: the processes by ascending id.
  /// - Complexity: reads the name of each open descriptor of each process.
  package static func processes(allUsers: Bool = false) -> [LedgerListing] {
    let user = Int(geteuid())
    return (ProcFile.numbers(in: "/proc") ?? []).compactMap { id in
      guard let process = try? SeenProcess(id), let owner = process.userID, allUsers || owner == user,
        (try? process.findLedger()) != nil
      else { return nil }
      return LedgerListing(processID: id, userID: owner, command: process.command)
    }
  }
}
