// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Bitmaps
import CommandOutput
import CommandSupport
import Glibc
import LeakAuditing
import NativeBuffers

/// `thumbnails`: makes a JPEG thumbnail of every picture, and audits the memory that it took.
@main
struct ThumbnailsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thumbnails",
    abstract: "Makes a JPEG thumbnail of every picture, several at a time, and audits the memory that it took.",
    discussion: """
      Folders are searched with all folders inside them; links to folders are not followed. The output folder gets \
      the same tree of folders. If you name several folders, each has a folder of its own name there. The thumbnail \
      of photo.jpg is photo.jpg, and the thumbnail of drawing.png is drawing.png.jpg. If the output folder lies in a \
      folder that is searched, its thumbnails are left out, and other pictures in it are refused.

      Each thumbnail carries a mark, a comment in its header. A thumbnail is left as it is if it is whole, newer \
      than its picture and as wide as wanted, so an interrupted run continues where it ended. Other thumbnails with \
      the mark are made again, whatever their width. A picture with warnings gets a new thumbnail in each run, so \
      that each run warns. A file without the mark is never replaced. A file is written whole or not at all.

      The exit code is 0 if every picture has its thumbnail, 1 if the audit finds a fault, 2 if a file or folder \
      could not be processed, and 64 if the command line has a mistake. Each file or folder that could not be \
      processed is named on standard error, with the reason. If a picture's file is damaged only in data that no \
      pixel depends on, its thumbnail is made, and there is a warning on standard error. With --strict-pictures, \
      such a picture is not processed, and a thumbnail of an earlier run stays. Ctrl-C or SIGTERM ends the run after \
      the pictures that are being processed; the exit code is then 128 plus the signal's number.
      """,
    version: PackageVersion.current)

  static func main() { runMain() }

  @Argument(help: ArgumentHelp("Folders, or files of pictures: JPEG, PNG, WebP, Netpbm.", valueName: "in"))
  var inputs: [String]

  @Option(help: ArgumentHelp("The folder for thumbnails; it is made if it is missing.", valueName: "dir"))
  var output: String

  @Option(parsing: .unconditional, help: "The width of thumbnails in pixels. Narrower pictures keep their width.")
  var width = 256

  @Option(parsing: .unconditional, help: "The number of pictures that are processed at the same time.")
  var jobs = 1

  @Option(parsing: .unconditional, help: "The quality of the JPEGs, 1 to 100.")
  var quality = 85

  @Flag(help: "Refuse a picture as damaged if there would be a warning about it.")
  var strictPictures = false

  func validate() throws {
    if let refusal = CommandArguments.refusal { throw ValidationError(refusal) }
    guard !inputs.isEmpty else { throw ValidationError("Name at least one folder or picture.") }
    guard !inputs.contains("") else { throw ValidationError("A path is empty. Name a folder or a picture.") }
    guard !output.isEmpty else {
      throw ValidationError("--output is empty. Name a folder, for example --output thumbnails.")
    }
    guard (1...65_500).contains(width) else { throw ValidationError("--width must be 1 to 65500 pixels.") }
    guard (1...256).contains(jobs) else { throw ValidationError("--jobs must be 1 to 256.") }
    guard (1...100).contains(quality) else { throw ValidationError("--quality must be 1 to 100.") }
  }

  func run() throws {
    Interruption.watch()
    let summary: BatchSummary
    do {
      summary = try makeThumbnails()
    } catch let error as BatchError {
      StandardError.write("thumbnails: \(error)\n")
      throw ExitCode(2)
    }
    guard StandardOutput.write(summary.text + "\n") else {
      StandardError.write("thumbnails: the summary could not be written: \(fileRefusal(errno))\n")
      throw ExitCode(2)
    }
    // The exit code that a shell reports for a command that a signal ended.
    if Interruption.current != 0 { throw ExitCode(128 + Interruption.current) }
    throw ExitCode(summary.hasFault ? 1 : summary.counts.failed > 0 ? 2 : 0)
  }

  private func makeThumbnails() throws -> BatchSummary {
    let tree = try OutputTree(output, inputs: inputs)
    var options = ThumbnailJob.Options()
    options.width = width
    options.quality = quality
    options.isStrict = strictPictures
    options.keepsUpToDate = true
    // Blocks as large as whole files are not used again, and libjpeg takes far more memory than they do. So little
    // memory is kept, and the rest goes back to the kernel at once.
    options.arena = try Arena(
      name: "thumbnails", configuration: .init(dirtyDecay: .zero, idleByteLimit: jobs * 2 << 20))
    let job = ThumbnailJob(tree: tree, options: options)
    let start = ProcessUsage.now()
    job.run(inputs, threadCount: jobs)
    return BatchSummary(counts: job.counts, usage: ProcessUsage.now().since(start), audit: try LeakAuditor.audit())
  }
}
