// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Glibc
import LeakAuditing
import NativeSynchronization

/// `leak-audit demo`: makes thumbnails of real pictures, then audits.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Makes a thumbnail of every picture with all pixels in native buffers, then audits.",
    discussion: """
      Exit code: 0 where both books agree and nothing was left; 1 where the audit finds a fault (held, orphan, \
      ghost; with --strict also rescued); 2 where a file or folder could not be processed and there is no fault; \
      64 for a mistake on the command line. A signal ends the demo after the picture it is at, with 128 and \
      the signal's number.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Folders, walked recursively, or files. Without one, the demo draws its own pictures.")
  var folders: [String] = []

  @Option(help: ArgumentHelp("Where thumbnails go; kept. Without it: a temporary folder.", valueName: "dir"))
  var output: String?

  @Option(
    name: .customLong("plant"),
    help: ArgumentHelp(
      "Commit a fault once, on purpose, to see what the audit says. Repeatable.", valueName: "kind"))
  var plants: [InjectedFault] = []

  @Flag(help: "End with exit code 1 for notes (rescued) too.")
  var strict = false

  @Flag(help: "Refuse a picture of which there is anything to warn, as damaged, instead of making its thumbnail.")
  var strictPictures = false

  @Option(help: "How to print the report on standard output.")
  var format = Format.text

  func validate() throws {
    guard !folders.contains("") else { throw ValidationError("A path is empty. Name a folder or a file.") }
    if output?.isEmpty == true { throw ValidationError("--output is empty. Name a folder, as --output thumbnails.") }
  }

  func run() throws {
    Interruption.watch()
    let report: DemoReport
    do {
      report = try DemoRun(
        folders: folders, output: output, plants: plants, isStrict: strictPictures
      ).report()
    } catch let error as BatchError {
      StandardError.write("leak-audit: \(error)\n")
      throw ExitCode(2)
    }
    let text = format == .json ? try report.json() : report.text
    guard StandardOutput.write(text + "\n") else {
      StandardError.write("leak-audit: the report could not be written: \(systemMessage(errno))\n")
      throw ExitCode(2)
    }
    // The exit code that a shell reports for a command that a signal ended.
    if Interruption.current != 0 { throw ExitCode(128 + Interruption.current) }
    let hasFault = report.verdict == .faults || strict && report.verdict == .notes
    throw ExitCode(hasFault ? 1 : report.run.failures.isEmpty ? 0 : 2)
  }
}
