// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Glibc
import NativeSynchronization

/// `thumbnails`: makes a JPEG thumbnail of every picture, and audits the memory that it took.
@main
struct ThumbnailsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thumbnails",
    abstract: "Makes a JPEG thumbnail of every picture, several at a time, and audits the memory that it took.",
    discussion: """
      Folders are walked recursively; links to folders are not followed. A folder's tree is repeated in the output \
      folder, in a folder of its own name where several things are named. The thumbnail of photo.jpg is photo.jpg, that of \
      drawing.png is drawing.png.jpg.

      Each thumbnail carries a mark, a comment in its header. One that is whole, newer than its picture and as wide as \
      wanted is left as it is: an interrupted run goes on where it ended. Any other that carries the mark, of whatever \
      width, is made again, and so is that of a picture with warnings, so that each run names them; a file without the \
      mark is never replaced. Files are written whole or not at all.

      Exit code: 0 where every picture has its thumbnail; 1 where the audit finds a fault; 2 where a file or folder \
      could not be processed, each named on standard error with the reason (a picture whose file is damaged where no \
      pixel is gets its thumbnail and a warning there; with --strict-pictures it could not be processed, and a thumbnail of \
      an earlier run stays); 64 for a mistake on the command line. \
      Ctrl-C or SIGTERM end the run after the pictures that it is at, with 128 and the signal's number.
      """)

  @Argument(help: ArgumentHelp("Folders, or pictures: JPEG, PNG and what else is decoded.", valueName: "in"))
  var inputs: [String]

  @Option(help: ArgumentHelp("The folder for thumbnails; made where it is missing.", valueName: "dir"))
  var output: String

  @Option(parsing: .unconditional, help: "How wide thumbnails are, in pixels. Narrower pictures stay as they are.")
  var width = 256

  @Option(parsing: .unconditional, help: "How many pictures to work on at a time.")
  var jobs = 1

  @Option(parsing: .unconditional, help: "The quality of the JPEGs, 1 to 100.")
  var quality = 85

  @Flag(help: "Refuse a picture of which there is anything to warn, as damaged, instead of making its thumbnail.")
  var strictPictures = false

  func validate() throws {
    guard !inputs.isEmpty else { throw ValidationError("Name at least one folder or picture.") }
    guard !inputs.contains("") else { throw ValidationError("A path is empty. Name a folder or a picture.") }
    guard !output.isEmpty else { throw ValidationError("--output is empty. Name a folder, as --output thumbnails.") }
    guard (1...65_500).contains(width) else { throw ValidationError("--width must be 1 to 65500 pixels.") }
    guard (1...256).contains(jobs) else { throw ValidationError("--jobs must be 1 to 256.") }
    guard (1...100).contains(quality) else { throw ValidationError("--quality must be 1 to 100.") }
  }

  func run() throws {
    Interruption.watch()
    let summary: BatchSummary
    do {
      let tree = try OutputTree(output, inputs: inputs)
      let batch = try ThumbnailBatch(
        inputs: inputs, tree: tree, width: width, quality: quality, jobs: jobs, isStrict: strictPictures)
      summary = try batch.run()
    } catch let error as BatchError {
      StandardError.write("thumbnails: \(error)\n")
      throw ExitCode(2)
    }
    guard StandardOutput.write(summary.text + "\n") else {
      StandardError.write("thumbnails: the summary could not be written: \(systemMessage(errno))\n")
      throw ExitCode(2)
    }
    // The exit code that a shell reports for a command that a signal ended.
    if Interruption.current != 0 { throw ExitCode(128 + Interruption.current) }
    throw ExitCode(summary.hasFault ? 1 : summary.counts.failed > 0 ? 2 : 0)
  }
}
