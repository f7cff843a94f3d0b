// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process with a ledger.
package struct LedgerListing: Sendable, Equatable {
  /// Its id, as this process's `/proc` shows it.
  package let processID: Int
  package let userID: Int
  /// The name of its command now, of at most 15 bytes; "?" if it has none.
  package let command: String
  /// The name of the file that it runs; nil if that may not be looked at. A child that a thread forked has that
  /// thread's name as its command.
  package let program: String?
}

extension LedgerReader {
  /// Finds the processes that have a ledger.
  /// - Parameter allUsers: whether to look at processes of other users, too. Those that this user may not look at are
  ///   left out.
  /// - Returns: the processes by ascending id.
  /// - Complexity: reads the name of each open descriptor of each process.
  package static func processes(allUsers: Bool = false) -> [LedgerListing] { search(allUsers: allUsers).found }

  /// The same, and how many of the processes that were to be looked at could not be.
  package static func search(allUsers: Bool) -> (found: [LedgerListing], refusedCount: Int) {
    let user = Int(geteuid())
    var found: [LedgerListing] = []
    var refusedCount = 0
    for id in ProcFile.numbers(in: "/proc") ?? [] {
      guard let process = try? SeenProcess(id), let owner = process.userID else { continue }
      guard allUsers || owner == user else { continue }
      do throws(LedgerReadingError) {
        guard try process.findLedger() != nil else { continue }
        found.append(
          LedgerListing(processID: id, userID: owner, command: process.command ?? "?", program: process.program))
      } catch {
        if error.code == .notPermitted { refusedCount += 1 }
      }
    }
    return (found, refusedCount)
  }
}
