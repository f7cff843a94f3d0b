// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LedgerReading
import NativeBuffers
import NativeSynchronization
import ResourceLedger

extension LeakAuditor {
  /// Audits the process when it exits: by `exit`, or by the end of its main function.
  ///
  ///     LeakAuditor.auditAtExit(endingWith: 1)
  ///
  /// Call it first in the program. Then it runs after all other handlers that were registered by `atexit`, and so after
  /// the cleanups that run at exit. Globals are never deinitialised: what they hold is a finding, unless you create it
  /// inside of a `ProcessLifetime.scope`. Other threads go on while the process exits, and so does their work. There is
  /// no audit if the process ends by a signal or `_exit`, and none in a forked child, unless the child calls this.
  /// - Parameters:
  ///   - expectation: whether live resources are findings.
  ///   - exitCode: the exit code of the process if there are faults, or if the audit fails. The process's own code wins
  ///     if it is not 0. Handlers that were registered before this call do not run then. Nil: the code stays as it is.
  ///   - body: gets the report. Without it, the report is printed on standard error if there are findings.
  public static func auditAtExit(
    expecting expectation: Expectation = .nothingLive, endingWith exitCode: Int32? = nil,
    _ body: (@Sendable (AuditReport) -> Void)? = nil
  ) {
    // The handler needs the audit until the process ends.
    let audit = unsafe Unmanaged.passRetained(ExitAudit(expectation, exitCode, body)).toOpaque()
    // Unlike `atexit`, `on_exit` hands over the exit code and a pointer, so there is no variable that threads share.
    _ = unsafe on_exit(
      { status, audit in unsafe Unmanaged<ExitAudit>.fromOpaque(audit!).takeUnretainedValue().run(status) }, audit)
  }
}

/// An audit that is to be made when the process exits.
private final class ExitAudit: Sendable {
  private let expectation: LeakAuditor.Expectation
  private let exitCode: Int32?
  private let body: (@Sendable (AuditReport) -> Void)?
  private let process = getpid()

  init(
    _ expectation: LeakAuditor.Expectation, _ exitCode: Int32?, _ body: (@Sendable (AuditReport) -> Void)?
  ) {
    self.expectation = expectation
    self.exitCode = exitCode
    self.body = body
  }

  /// - Parameter status: what the process called `exit` with.
  func run(_ status: Int32) {
    // A forked child has its parent's handlers.
    guard getpid() == process else { return }
    var isBad = true
    do {
      let report = try LeakAuditor.audit(expecting: expectation)
      isBad = report.verdict == .faults
      if let body { body(report) } else if report.verdict != .clean { StandardError.print("at exit:\n\(report.text)") }
    } catch {
      StandardError.print("the audit at exit failed: \(error)")
    }
    // The kernel hands the lowest 8 bits to the parent process.
    guard isBad, status & 0xFF == 0, let exitCode else { return }
    fflush(nil)
    LastAnswer.count()
    Ledger.markEnd()
    _exit(exitCode)
  }
}
