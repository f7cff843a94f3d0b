// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Bitmaps
import CommandOutput
import CommandSupport
import Glibc
import LeakAuditing

/// `leak-audit demo`: makes thumbnails of real pictures, then audits.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Makes a thumbnail of every picture with all pixels in native buffers, then audits.",
    discussion: """
      The exit code is 0 if both books agree and nothing was left, 1 if the audit finds a fault (held, orphan or \
      ghost; with --strict also rescued), 2 if there is no fault and a file or folder could not be processed, and 64 \
      if the command line has a mistake. Ctrl-C or SIGTERM ends the demo after the picture that is being processed; \
      the exit code is then 128 plus the signal's number.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Folders, with all folders inside them, or files. If none is named, the demo draws its own pictures.")
  var folders: [String] = []

  @Option(
    help: ArgumentHelp(
      "The folder in which thumbnails are put and stay. Without it, they are put into a temporary folder.",
      valueName: "dir"))
  var output: String?

  @Option(
    name: .customLong("plant"),
    help: ArgumentHelp(
      "Commit this fault once, on purpose, to see what the audit says. May be given several times.",
      valueName: "kind"))
  var faults: [InjectedFault] = []

  @Flag(help: "Make the exit code 1 for notes (rescued), too.")
  var strict = false

  @Flag(help: "Refuse a picture as damaged if there would be a warning about it.")
  var strictPictures = false

  @Option(help: "The form of the report on standard output.")
  var format = Format.text

  func validate() throws {
    if let refusal = CommandArguments.refusal { throw ValidationError(refusal) }
    guard !folders.contains("") else { throw ValidationError("A path is empty. Name a folder or a file.") }
    guard output?.isEmpty != true else {
      throw ValidationError("--output is empty. Name a folder, for example --output thumbnails.")
    }
  }

  func run() throws {
    Interruption.watch()
    let report: DemoReport
    do {
      report = try DemoRun(
        folders: folders, output: output, faults: faults, isStrict: strictPictures
      ).report()
    } catch let error as BatchError {
      StandardError.write("leak-audit: \(error)\n")
      throw ExitCode(2)
    }
    let text = format == .json ? try report.json() : report.text
    guard StandardOutput.write(text + "\n") else {
      StandardError.write("leak-audit: the report could not be written: \(fileRefusal(errno))\n")
      throw ExitCode(2)
    }
    // The exit code that a shell reports for a command that a signal ended.
    if Interruption.current != 0 { throw ExitCode(128 + Interruption.current) }
    let hasFault = report.verdict == .faults || strict && report.verdict == .notes
    throw ExitCode(hasFault ? 1 : report.run.failures.isEmpty ? 0 : 2)
  }
}
