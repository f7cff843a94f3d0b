// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Foundation
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

  @Test("A help or a version that cannot be written is a failure; a reader that goes away is none")
  func fullDevice() throws {
    for program in ["leak-audit", "leak-audit-reader", "thumbnails"] {
      for option in ["--help", "--version"] {
        let outcome = try Command.run("/bin/sh", ["-c", "\"$0\" \(option) >/dev/full", Command.path(program)])
        #expect(outcome.exitCode == 2 && outcome.errors.hasPrefix("\(program): standard output could not be written: "))
      }
    }
    let script = "\"$0\" report --help >/dev/full; echo $?; (trap '' PIPE; \"$0\" --help; echo $? >&2) | true"
    let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit")])
    #expect(outcome.output == "2\n" && outcome.errors.hasSuffix("\n0\n"), "\(outcome.errors)")
  }

  @Test("Every command prints the package's version", arguments: ["leak-audit", "leak-audit-reader", "thumbnails"])
  func version(program: String) throws {
    let outcome = try Command.run(program, ["--version"])
    #expect(outcome.exitCode == 0 && outcome.output == PackageVersion.current + "\n" && outcome.errors == "")
  }

  @Test("The changelog's newest section is the package's version; before a release, the version has -dev at its end")
  func changelog() throws {
    let file = TypeChecker.packageRoot.appendingPathComponent("CHANGELOG.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    let section = try #require(text.components(separatedBy: "\n## ").dropFirst().first)
    let title = section.prefix { $0 != "\n" }
    if title == "Unreleased" {
      let version = try #require(section.firstMatch(of: /This will be version ([0-9.]+[0-9])/)?.1)
      #expect(PackageVersion.current == "\(version)-dev")
    } else {
      #expect(title.split(separator: " ").first.map(String.init) == PackageVersion.current)
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
