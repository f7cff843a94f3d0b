// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A process of ledger-trials, which goes from step to step as a test says.
final class RunningTrial {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  var id: String { "\(process.processIdentifier)" }

  /// Starts a scenario, and waits for its first step.
  init(_ scenario: String) throws {
    process.executableURL = URL(fileURLWithPath: Command.path("ledger-trials"))
    process.arguments = [scenario]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try waitForStep()
  }

  deinit {
    // Not SIGTERM: the process may have inherited that this signal is blocked, or may be stopped.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Lets the process take its next step.
  func step() throws {
    try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
    try waitForStep()
  }

  private func waitForStep() throws {
    // The step prints one line.
    var last: UInt8?
    repeat {
      let piece = output.fileHandleForReading.availableData
      try #require(!piece.isEmpty, "the process has ended")
      last = piece.last
    } while last != UInt8(ascii: "\n")
  }

  func stop() { kill(process.processIdentifier, SIGSTOP) }
  func continueRunning() { kill(process.processIdentifier, SIGCONT) }
}
