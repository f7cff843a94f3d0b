// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Glibc
import NativeSynchronization

extension ParsableCommand {
  /// Does what argument-parser's `main()` does. But if a help, a version or a script of completions cannot be written,
  /// standard error says so, and the exit code is 2, as for a report. A reader that went away is no failure.
  package static func runMain() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      let text = fullMessage(for: error)
      guard exitCode(for: error).isSuccess, !text.isEmpty else { exit(withError: error) }
      guard !StandardOutput.write(text + "\n"), errno != EPIPE else { exit(withError: ExitCode.success) }
      let reason = systemMessage(errno)
      StandardError.write("\(configuration.commandName ?? ""): standard output could not be written: \(reason)\n")
      exit(withError: ExitCode(2))
    }
  }
}
