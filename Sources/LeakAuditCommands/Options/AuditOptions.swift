// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import LedgerReading
import ResourceLedger

/// The options that say which findings count. They are the same in all commands.
package struct AuditOptions: ParsableArguments {
  @Flag(help: "Let notes count, too: the exit code is then 1 for them.")
  package var strict = false

  @Option(
    help: ArgumentHelp("Let these kinds of findings count, too. Kinds: \(CountedKinds.names).", valueName: "kinds"),
    transform: kinds)
  package var failOn: [Finding.Kind] = []

  @Option(
    help: ArgumentHelp("Let these kinds of findings not count. This is stronger than --fail-on.", valueName: "kinds"),
    transform: kinds)
  package var noFailOn: [Finding.Kind] = []

  // `unconditional`, because a negative value must be refused as one, and not taken for an option.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Leave out lines of code with fewer bytes. \(ByteSize.help)", valueName: "bytes"),
    transform: { text in try refusing { () throws(ValueRefusal) in try ByteSize.parse(text) } })
  package var minBytes: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Report what has been live for longer than this as \"old\". --fail-on old needs it. \(Age.help)", valueName: "age"
    ),
    transform: { text in try refusing { () throws(ValueRefusal) in try Age.parse(text) } })
  package var minAge: Int?

  @Option(
    help: ArgumentHelp(
      "Let only findings about these files count, such as 'MyServer/*'. May be given several times.",
      valueName: "pattern"))
  package var only: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file of findings that are known and accepted. May be given several times.", valueName: "file"),
    completion: .file())
  package var suppress: [String] = []

  package init() {}

  package func validate() throws {
    guard minAge != nil || !failOn.contains(.old) else {
      throw ValidationError("--fail-on old finds nothing without --min-age. Give an age, for example --min-age 10m.")
    }
  }
}

extension AuditOptions {
  /// Reads the suppression files.
  /// - Throws: ``CommandFailure`` if one cannot be read, or has a mistake. A mistake has the exit code of one on the
  ///   command line, but the command's usage does not help with it, so it is no `ValidationError`.
  func filter() throws(CommandFailure) -> FindingFilter {
    var suppressions = Suppressions()
    for path in suppress {
      let text = try wholeText(ofFile: path)
      do throws(ValueRefusal) {
        try suppressions.add(text, from: path.shownOnTerminals)
      } catch {
        throw CommandFailure(error.description, exit: .validationFailure)
      }
    }
    return FindingFilter(
      counted: CountedKinds(added: failOn, removed: noFailOn, isStrict: strict), minimumByteCount: minBytes ?? 0,
      ownFiles: only.map { Pattern($0) }, suppressions: suppressions)
  }
}

private func kinds(_ text: String) throws -> [Finding.Kind] {
  try refusing { () throws(ValueRefusal) in try CountedKinds.parse(text) }
}

/// Turns the refusal of a value into the error that argument-parser prints with the option's name.
func refusing<Value>(_ body: () throws(ValueRefusal) -> Value) throws -> Value {
  do {
    return try body()
  } catch {
    throw ValidationError(error.description)
  }
}
