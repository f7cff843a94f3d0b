// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("What commands print about files that are damaged outside of their pixels")
struct PictureWarningTests {
  private static let warning =
    "the JPEG data ends before its end is marked. All pixels are there; what followed them is not."

  /// Adds a picture whose end is missing.
  private func addCutPicture(to folder: PictureFolder) throws {
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    try #require(picture.suffix(2) == Data([0xFF, 0xD9]))
    try folder.add("cut.jpg", picture.dropLast(2))
  }

  private func run(
    _ command: String, _ folder: PictureFolder, _ output: ThumbnailsCommandTests.Output, _ more: String...
  ) throws -> Command.Outcome {
    try Command.run(command, (command == "thumbnails" ? [] : ["demo"]) + [folder.path, "--output", output.path] + more)
  }

  @Test(
    "The thumbnail is made, and each run prints a line on standard error",
    arguments: ["thumbnails", "leak-audit"])
  func lines(command: String) throws {
    let (folder, output) = (try PictureFolder(), ThumbnailsCommandTests.Output())
    try addCutPicture(to: folder)
    for upToDate in [0, 2] {
      let outcome = try run(command, folder, output)
      #expect(outcome.exitCode == 0, "\(outcome.errors)")
      #expect(outcome.errors == "\(folder.path)/cut.jpg: warning: \(Self.warning)\n")
      let counts = "thumbnails: \(3 - upToDate) made, \(upToDate) up to date, 0 failed"
      #expect(outcome.output.hasPrefix(command == "thumbnails" ? counts : "pictures: 3 in"), "\(outcome.output)")
      #expect(output.files.contains("cut.jpg"))
    }
    // Once the picture is whole, its thumbnail is like any other.
    try folder.add("cut.jpg", Data(contentsOf: folder.url.appendingPathComponent("one.jpg")))
    let mended = try run(command, folder, output)
    #expect(mended.exitCode == 0 && mended.errors == "")
    guard command == "thumbnails" else { return }
    #expect(try run(command, folder, output).output.hasPrefix("thumbnails: 0 made, 3 up to date, 0 failed"))
  }

  @Test(
    "With --strict-pictures, such a picture is refused with the warning's text, and the others are made",
    arguments: ["thumbnails", "leak-audit"])
  func strict(command: String) throws {
    let (folder, output) = (try PictureFolder(), ThumbnailsCommandTests.Output())
    try addCutPicture(to: folder)
    let refusal =
      "\(folder.path)/cut.jpg: is damaged: \(Self.warning) Fetch it again from where it came from, or leave "
      + "--strict-pictures out.\n"
    let outcome = try run(command, folder, output, "--strict-pictures")
    #expect(outcome.exitCode == 2 && outcome.errors == refusal, "\(outcome.errors)")
    #expect(outcome.output.contains("verdict: clean"))
    #expect(output.files.count == 2 && !output.files.contains("cut.jpg"))
    // A thumbnail of an earlier run does not keep the picture from being refused.
    #expect(try run(command, folder, output).exitCode == 0)
    try #require(output.files.contains("cut.jpg"))
    let again = try run(command, folder, output, "--strict-pictures")
    #expect(again.exitCode == 2 && again.errors == refusal, "\(again.errors)")
    #expect(output.files.count == 3)
  }
}
