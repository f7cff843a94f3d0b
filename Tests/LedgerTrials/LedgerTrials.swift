// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process for tests to look at from outside.
///
///   ledger-trials SCENARIO [WAY]
///
/// It takes one step of the scenario, prints a line of JSON about what it did, and waits for a line on standard input;
/// then it takes the next step. It ends after the last step, or if standard input ends.
@main enum LedgerTrials {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch arguments.first {
    case "residency": try ResidencyTrial.run()
    case "lines": try LinesTrial.run()
    case "faults": try FaultsTrial.run()
    case "many": try ManyTrial.run()
    case "ending":
      guard let way = arguments.last.flatMap(EndingTrial.Way.init(rawValue:)) else { usage() }
      try EndingTrial.run(way)
    default: usage()
    }
  }

  private static func usage() -> Never {
    let ways = EndingTrial.Way.allCases.map(\.rawValue).joined(separator: " | ")
    print("usage: ledger-trials residency | lines | faults | many | ending (\(ways))")
    exit(64)
  }

  /// Prints what a step did, and waits until the test has looked at the process.
  static func pause(_ line: String) {
    print(line)
    fflush(nil)
    guard readLine() != nil else { exit(0) }
  }
}
