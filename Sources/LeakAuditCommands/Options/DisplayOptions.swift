// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// The options that say how text looks.
package struct LookOptions: ParsableArguments {
  @Option(help: "Use colours: auto means on a terminal, if NO_COLOR is not set.")
  package var color = ColorChoice.auto

  @Option(help: "Print sizes as exact bytes, or rounded with a unit.")
  package var units = ByteText.auto

  package init() {}
}

/// The options that say which lines of code are shown. They do not change the exit code.
package struct DisplayOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Show only lines of code in which this is found, also in findings: FILE:LINE in FUNCTION. * and ? "
        + "stand for any characters and "
        + "for one. May be given several times.",
      valueName: "pattern"))
  package var site: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many lines of code are shown, those with most bytes first.", valueName: "n"))
  package var top = 10

  package init() {}

  package func validate() throws {
    guard top > 0 else { throw ValidationError("--top must be at least 1.") }
  }
}

extension ColorChoice: ExpressibleByArgument {}
extension ByteText: ExpressibleByArgument {}
