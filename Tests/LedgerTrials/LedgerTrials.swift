// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process for tests to look at from outside.
///
///   ledger-trials SCENARIO
///
/// It takes one step of the scenario, prints a line of JSON about what it did, and waits for a line on standard input;
/// then it takes the next step. It ends after the last step, or if standard input ends.
@main enum LedgerTrials {
  static func main() throws {
    switch CommandLine.arguments.dropFirst() {
    case ["residency"]: try ResidencyTrial.run()
    case ["lines"]: try LinesTrial.run()
    default:
      print("usage: ledger-trials residency | lines")
      exit(64)
    }
  }

  /// Prints what a step did, and waits until the test has looked at the process.
  static func pause(_ line: String) {
    print(line)
    fflush(nil)
    guard readLine() != nil else { exit(0) }
  }
}
