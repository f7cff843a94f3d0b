// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import FoundationEssentials
import Glibc
import ResourceLedger

/// The forms of what a command prints.
enum OutputForm: String, CaseIterable, Sendable, ExpressibleByArgument {
  case text, json
}

/// JSON for people and programs: fields in the order of their names, each on a line of its own.
func json(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// Prints the lines of a report on standard output.
/// - Returns: whether anybody still reads. A reader that went away, as `head` does, is no failure.
/// - Throws: ``CommandFailure`` if they cannot be written.
@discardableResult
func printReport(_ text: String) throws(CommandFailure) -> Bool {
  letWritesFail()
  if StandardOutput.write(text + "\n") { return true }
  guard errno != EPIPE else { return false }
  throw CommandFailure("the report could not be written: \(systemError(errno)).")
}

extension LookOptions {
  /// The columns to which lines on standard output are shortened; nil if it is no terminal, because then a program or a
  /// file gets the lines whole.
  var outputWidth: Int? { StandardOutput.isTerminal ? Terminal.size.columns : nil }

  var outputStyle: Style { Style(isColored: color.isColored(isTerminal: StandardOutput.isTerminal)) }
}

extension DisplayOptions {
  /// Whether a line of code is shown.
  func shows(_ site: Site) -> Bool {
    self.site.isEmpty || self.site.contains { Pattern($0).isFound(in: site.description) }
  }
}
