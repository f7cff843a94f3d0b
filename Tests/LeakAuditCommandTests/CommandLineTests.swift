// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("The command line of leak-audit")
struct CommandLineTests {
  private static let names = ["run", "list", "report", "watch", "snapshot", "diff"]

  @Test("The help names every command; only leak-audit has the demo")
  func help() throws {
    for (program, names) in [("leak-audit", Self.names + ["demo"]), ("leak-audit-reader", Self.names)] {
      let help = try Command.run(program, ["--help"])
      let rows = help.output.split(separator: "\n").filter { $0.hasPrefix("  ") }
      let found = rows.compactMap { $0.split(separator: " ").first.map(String.init) }.filter { !$0.hasPrefix("-") }
      #expect(help.exitCode == 0 && found.filter((Self.names + ["demo"]).contains) == names, "\(help.output)")
    }
  }

  @Test("An unknown command is refused by its name", arguments: ["leak-audit", "leak-audit-reader"])
  func unknown(program: String) throws {
    let outcome = try Command.run(program, ["reprot", "1"])
    #expect(outcome.exitCode == 64 && outcome.output == "" && outcome.errors.contains("reprot"), "\(outcome.errors)")
  }

  @Test(
    "An unknown option is refused by its name, by every command",
    arguments: [
      ["run", "--colour", "--", "true"], ["list", "--colour"], ["report", "1", "--colour"], ["watch", "1", "--colour"],
      ["snapshot", "1", "-o", "file", "--colour"], ["diff", "1", "2", "--colour"],
    ])
  func unknownOption(arguments: [String]) throws {
    let outcome = try Command.run("leak-audit", arguments)
    #expect(outcome.exitCode == 64 && outcome.errors.contains("'--colour'"), "\(outcome.errors)")
  }

  @Test("The completions for bash are a script that bash can read, with every command")
  func completions() throws {
    let outcome = try Command.run(
      "/bin/bash",
      [
        "-c", "s=$(\"$0\" --generate-completion-script bash) && bash -n <<<\"$s\" && echo \"$s\"",
        Command.path("leak-audit"),
      ])
    #expect(outcome.exitCode == 0 && outcome.errors == "", "\(outcome.errors)")
    for name in Self.names { #expect(outcome.output.contains("_leak-audit_\(name)"), "\(name)") }
  }
}
