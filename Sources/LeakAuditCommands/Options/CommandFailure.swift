// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput

/// Why a command could not do what it was asked for: a message with the next step.
package struct CommandFailure: Error, CustomStringConvertible {
  package let description: String
  let exit: ExitCode

  /// - Parameter exit: the command's exit code.
  package init(_ description: String, exit: ExitCode = CommandExit.notAudited.code) {
    self.description = description
    self.exit = exit
  }
}

/// Runs a command, and prints a failure on standard error.
/// - Throws: the exit code.
func reportingFailures(_ body: () throws -> ExitCode) throws -> Never {
  do {
    throw try body()
  } catch let failure as CommandFailure {
    StandardError.write("leak-audit: \(failure)\n")
    throw failure.exit
  }
}
