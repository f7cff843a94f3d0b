// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// Has both books counted once more when the process ends by a regular exit, if the ledger is a file that stays: who
/// reads the file then, such as `leak-audit run`, can compare the books of the end.
///
/// The maintenance thread counts, and the thread that ends the process waits for it. So a thread that holds an arena's
/// lock for ever cannot keep the process from ending.
package enum LastAnswer {
  private static let isWanted = Atomic(false)

  /// Nanoseconds that the end of the process waits at most.
  private static var timeout: UInt64 { 200_000_000 }

  /// Called before `main`. Functions that the program registers with `atexit` run earlier.
  static func countAtExit() { atexit { LastAnswer.count() } }

  /// The same at once, for code that runs at a regular exit and then ends the process by `_exit`.
  package static func count() {
    guard Maintenance.isRunning, Ledger.isInNamedFile else { return }
    let before = Ledger.shared.answerNumber
    isWanted.store(true, ordering: .sequentiallyConsistent)
    Maintenance.call()
    let end = MonotonicClock.now + timeout
    while Ledger.shared.answerNumber == before, MonotonicClock.now < end { usleep(200) }
  }

  /// For the maintenance thread: whether an answer is wanted now, whatever other processes ask for.
  static func take() -> Bool {
    isWanted.load(ordering: .sequentiallyConsistent) && isWanted.exchange(false, ordering: .sequentiallyConsistent)
  }

  static func makeStatics() { ForkGuard.touch(isWanted) }
}
