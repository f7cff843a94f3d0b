// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// The exit codes of all commands. A mistake on the command line is 64, which argument-parser sees to, and so is
/// one in a suppression rule.
package enum CommandExit: Int32, Sendable {
  /// No finding that counts; there may be notes.
  case clean = 0
  /// At least one finding that counts.
  case findings = 1
  /// The audit could not be made, or not of everything.
  case notAudited = 2

  package var code: ExitCode { ExitCode(rawValue) }
}
