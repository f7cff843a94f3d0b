// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandOutput
import LedgerReading

/// Why a command could not do what it was asked for: a message with the next step.
package struct CommandFailure: Error, CustomStringConvertible {
  package let description: String
  let exit: ExitCode
  /// Why a ledger could not be read, if that is the failure.
  let cause: LedgerReadingError?

  /// - Parameter exit: the command's exit code.
  package init(_ description: String, exit: ExitCode = CommandExit.notAudited.code) {
    self.description = description
    self.exit = exit
    cause = nil
  }

  init(_ cause: LedgerReadingError) {
    description = cause.description
    exit = CommandExit.notAudited.code
    self.cause = cause
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
