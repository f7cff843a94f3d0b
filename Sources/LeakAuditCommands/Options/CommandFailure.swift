// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput

/// Why a command could not do what it was asked for: a message with the next step. The exit code is 2.
package struct CommandFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// Runs a command, and prints a failure on standard error.
/// - Throws: the exit code.
func reportingFailures(_ body: () throws -> ExitCode) throws -> Never {
  do {
    throw try body()
  } catch let failure as CommandFailure {
    StandardError.write("leak-audit: \(failure)\n")
    throw CommandExit.notAudited.code
  }
}
