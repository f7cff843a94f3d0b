// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation
import TestSupport
import Testing

@Suite("Which files new thumbnails may replace")
struct ThumbnailMarkTests {
  private typealias Output = ThumbnailsCommandTests.Output

  private func run(_ folder: PictureFolder, _ output: Output, _ more: String...) throws -> Command.Outcome {
    try Command.run("thumbnails", [folder.path, "--output", output.path] + more)
  }

  private func width(_ output: Output) throws -> Int {
    try PictureInfo(probingFileAt: output.path + "/one.jpg").width
  }

  @Test("The command's own thumbnails are made again for any other width, smaller or larger")
  func widths() throws {
    let (folder, output) = (try PictureFolder(), Output())
    for width in [100, 32, 200, 32] {
      let outcome = try run(folder, output, "--width", "\(width)")
      #expect(outcome.exitCode == 0 && outcome.output.hasPrefix("thumbnails: 2 made, 0 up to date"), "\(outcome)")
      #expect(try self.width(output) == width)
    }
  }

  @Test("A small JPEG that the command did not make is not replaced, and a message names it")
  func foreignPicture() throws {
    let (folder, output) = (try PictureFolder(), Output())
    try FileManager.default.createDirectory(atPath: output.path, withIntermediateDirectories: true)
    let picture = try Bitmap.drawn(width: 7, height: 5)
    defer { picture.dispose() }
    try picture.writeJPEG(toFileAt: output.path + "/one.jpg")
    let before = FileManager.default.contents(atPath: output.path + "/one.jpg")
    let outcome = try run(folder, output)
    #expect(outcome.exitCode == 2 && outcome.output.hasPrefix("thumbnails: 1 made, 0 up to date, 1 failed"))
    #expect(outcome.errors.contains("/one.jpg, which this program did not make, and which stays. Move it away"))
    #expect(FileManager.default.contents(atPath: output.path + "/one.jpg") == before)
    let demo = try Command.run("leak-audit", ["demo", folder.path, "--output", output.path])
    #expect(demo.exitCode == 2 && demo.errors.contains("/one.jpg, which this program did not make, and which stays"))
    #expect(FileManager.default.contents(atPath: output.path + "/one.jpg") == before)
  }

  @Test("A thumbnail that was cut short or damaged is made again", arguments: [100, 2_052, -1])
  func damaged(byteCount: Int) throws {
    let (folder, output) = (try PictureFolder(), Output())
    _ = try run(folder, output)
    let file = output.path + "/one.jpg"
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    try #require(whole.count > 2_100)
    // -1: as long as before, with zeros from the middle on, as after a loss of power.
    let damaged = byteCount < 0 ? whole.prefix(1_000) + Data(count: whole.count - 1_000) : whole.prefix(byteCount)
    try damaged.write(to: URL(fileURLWithPath: file))
    let outcome = try run(folder, output)
    #expect(outcome.exitCode == 0 && outcome.output.hasPrefix("thumbnails: 1 made, 1 up to date, 0 failed"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == whole)
  }

  @Test("An empty file is not replaced, because no run leaves one")
  func empty() throws {
    let (folder, output) = (try PictureFolder(), Output())
    try FileManager.default.createDirectory(atPath: output.path, withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: output.path + "/one.jpg", contents: nil))
    let outcome = try run(folder, output)
    #expect(outcome.exitCode == 2 && outcome.output.hasPrefix("thumbnails: 1 made, 0 up to date, 1 failed"))
    #expect(outcome.errors.contains("/one.jpg, which this program did not make, and which stays"))
    let demo = try Command.run("leak-audit", ["demo", folder.path, "--output", output.path])
    #expect(demo.exitCode == 2 && demo.errors.contains("/one.jpg, which this program did not make, and which stays"))
    #expect(FileManager.default.contents(atPath: output.path + "/one.jpg") == Data())
  }

  @Test("A link in the place of a thumbnail is not replaced, whatever its target is")
  func links() throws {
    let (folder, output) = (try PictureFolder(), Output())
    try FileManager.default.createDirectory(atPath: output.path, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: output.path + "/one.jpg", withDestinationPath: "nowhere")
    #expect(try run(folder, output).errors.contains("which this program did not make"))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: output.path + "/one.jpg") == "nowhere")
  }

  @Test("Pictures and folders may have names of one character", arguments: ["x", "é", "猫"])
  func shortNames(name: String) throws {
    let folder = try PictureFolder()
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    try FileManager.default.removeItem(atPath: folder.path + "/one.jpg")
    try folder.add(name, picture)
    try FileManager.default.moveItem(atPath: folder.path + "/below", toPath: folder.path + "/d")
    try folder.add("d/" + name, picture)
    let output = Output()
    let outcome = try run(folder, output)
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    #expect(output.files == ["d/\(name).picture.jpg", "d/two.jpg", "\(name).picture.jpg"].sorted())
    let demo = try Command.run("leak-audit", ["demo", folder.path])
    #expect(demo.exitCode == 0 && demo.output.hasPrefix("pictures: 3 in "))
  }

  @Test("If a picture is too tall for a JPEG, the message says what to do")
  func tooTall() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let picture = try Bitmap(width: 20, height: 65_530, format: .gray8)
    defer { picture.dispose() }
    try picture.writePNG(toFileAt: folder.path + "/tall.png")
    let outcome = try run(folder, output)
    #expect(outcome.exitCode == 2)
    #expect(outcome.errors.contains("would be 20×65530, and a JPEG has at most 65500 rows. Name a smaller --width"))
    #expect(try run(folder, output, "--width", "10").exitCode == 0)
  }

  @Test(
    "For a value below 0 and an empty folder, the error names the option",
    arguments: [
      (["--width", "-1"], "--width must be 1 to 65500 pixels"), (["--jobs", "-1"], "--jobs must be 1 to 256"),
      (["--quality", "-1"], "--quality must be 1 to 100"), (["--output", ""], "--output is empty"),
    ])
  func usage(arguments: [String], message: String) throws {
    let output = arguments[0] == "--output" ? [] : ["--output", "/nowhere/at/all"]
    let outcome = try Command.run("thumbnails", ["/"] + output + arguments)
    #expect(outcome.exitCode == 64 && outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test("The demo refuses an empty folder, too")
  func demoUsage() throws {
    let outcome = try Command.run("leak-audit", ["demo", "--output", ""])
    #expect(outcome.exitCode == 64 && outcome.errors.contains("--output is empty"))
  }
}
