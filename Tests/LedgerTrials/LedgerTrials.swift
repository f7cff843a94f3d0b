// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport

/// A process for tests to look at from outside.
///
///   ledger-trials SCENARIO [ARGUMENT]
///
/// It takes one step of the scenario, prints a line about what it did, and waits for a line on standard input; then it
/// takes the next step. It ends after the last step, or if standard input ends.
@main enum LedgerTrials {
  static func main() throws {
    // If the test ends without ending this process, it ends by itself.
    ProcessTimeLimit.set(seconds: 300)
    let arguments = CommandLine.arguments
    switch (arguments.dropFirst().first, arguments.dropFirst(2).first) {
    case ("residency", nil): try ResidencyTrial.run()
    case ("lines", nil): try LinesTrial.run()
    case ("faults", nil): try FaultsTrial.run()
    case ("many", nil): try ManyTrial.run()
    case ("ending", let word?):
      guard let way = EndingTrial.Way(rawValue: word) else { usage() }
      try EndingTrial.run(way)
    case ("hold", nil): try HoldingTrial.run()
    case ("renamed", nil): try HoldingTrial.runRenamed()
    case ("without-maintenance", nil): try HoldingTrial.runWithoutMaintenance()
    case ("chroot", let folder?): try HoldingTrial.run(inRoot: folder)
    case ("other-user", "readable"): try HoldingTrial.run(asUser: 65_534, isDumpable: true)
    case ("other-user", "secret"): try HoldingTrial.run(asUser: 65_534, isDumpable: false)
    case ("churn", nil): try ChurnTrial.run()
    case ("workers", nil): try ChildTrial.fork()
    case ("exec", nil): try ChildTrial.exec()
    case ("other-program", nil): try HoldingTrial.runBeforeOtherProgram()
    case ("spawn", nil): try ChildTrial.spawn()
    case ("closefrom", let folder?): try ClosingTrial.run(folder)
    case ("burst", nil): try BurstTrial.run()
    case ("stuck", nil): try StuckTrial.run()
    case ("dispatch", nil): try DispatchTrial.run()
    default: usage()
    }
  }

  private static func usage() -> Never {
    print("usage: ledger-trials SCENARIO [ARGUMENT]: see Tests/LedgerTrials/LedgerTrials.swift")
    exit(64)
  }

  /// Prints what a step did, and waits until the test has looked at the process.
  static func pause(_ line: String) {
    print(line)
    fflush(nil)
    guard readLine() != nil else { exit(0) }
  }

  /// Ends the process if a system call failed.
  static func require(_ isDone: Bool, _ what: String) {
    if !isDone { fatalError("\(what): \(errno)") }
  }
}
