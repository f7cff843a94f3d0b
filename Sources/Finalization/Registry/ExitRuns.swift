// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger

/// The registrations whose cleanups run when the process exits.
enum ExitRuns {
  private struct Run {
    let registration: RegistrationKey
    let order: ExitOrder
  }

  private static let lock = RankedLock(.exitRuns)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var runs: [Int: Run] = [:]
  // SAFETY: guarded by `lock`. The process that last added a registration; 0 if none did.
  nonisolated(unsafe) private static var process: pid_t = 0

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(runs)
    unsafe ForkGuard.touch(process)
  }

  /// Adds a registration that the caller has pinned.
  static func add(_ cell: Cell) {
    let run = unsafe Run(
      registration: RegistrationKey(entry: cell.entry, key: cell.key), order: cell.record.pointee.order)
    let index = Ledger.shared.index(of: cell.entry)
    lock.withLock {
      if unsafe process == 0 { atexit { ExitRuns.runAll() } }
      if unsafe process != getpid() {
        unsafe process = getpid()
        unsafe runs = [:]
      }
      unsafe runs[index] = run
      // Registrations that are over stay in the table: they are removed whenever its size is a multiple of 1,024.
      if unsafe runs.count & 0x3FF == 0 { unsafe runs = unsafe runs.filter { $1.registration.isPending } }
    }
    ExitOrder.advance()
  }

  static func remove(_ registration: RegistrationKey) {
    let index = Ledger.shared.index(of: registration.entry)
    lock.withLock {
      if unsafe runs[index]?.registration.key == registration.key { unsafe runs[index] = nil }
    }
  }

  static func contains(_ registration: RegistrationKey) -> Bool {
    let index = Ledger.shared.index(of: registration.entry)
    return lock.withLock { unsafe runs[index]?.registration.key == registration.key }
  }

  /// Waits while another thread runs the cleanup, but only up to a second, because it may never end.
  private static func awaitEnd(of registration: RegistrationKey) {
    // A cleanup on this thread called `exit`: it may be the one to wait for.
    guard !DeliveringThread.isDelivering else { return }
    for _ in 0..<1_000 where registration.entry.word.isSameLife(as: registration.key) { usleep(1_000) }
  }

  /// Runs the cleanups, the latest registration first, and then those that a cleanup added.
  private static func runAll() {
    while true {
      let due = lock.withLock { () -> [Run] in
        guard unsafe process == getpid() else { return [] }
        let due = unsafe runs.values.sorted { $0.order > $1.order }
        unsafe runs = [:]
        return due
      }
      if due.isEmpty { return }
      // An entry belongs to the ledger and is always readable; a cell may be used only once it is claimed.
      for run in due {
        guard let cell = run.registration.claim() else {
          awaitEnd(of: run.registration)
          continue
        }
        let core = cell.core
        do { try core.cleanUpNow(cell) } catch { core.report(error) }
      }
    }
  }
}
