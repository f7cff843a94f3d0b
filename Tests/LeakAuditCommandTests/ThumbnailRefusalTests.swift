// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation
import TestSupport
import Testing

@Suite("What the thumbnails command refuses, and its messages")
struct ThumbnailRefusalTests {
  private typealias Output = ThumbnailsCommandTests.Output

  private func run(_ inputs: [String], _ output: String) throws -> Command.Outcome {
    try Command.run("thumbnails", inputs + ["--output", output])
  }

  @Test("If the name of a thumbnail would be one byte too long, the picture is refused with that reason")
  func longName() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    let names = [248, 247].map { String(repeating: "x", count: $0) + ".png" }
    for name in names { try folder.add(name, picture) }
    let outcome = try run([folder.path], output.path)
    #expect(outcome.exitCode == 2 && outcome.output.hasPrefix("thumbnails: 3 made, 0 up to date, 1 failed"))
    #expect(
      outcome.errors == "\(folder.path)/\(names[0]): its thumbnail's name would be too long: 256 bytes, and a name has "
        + "at most 255. Rename it.\n")
    #expect(output.files.contains(names[1] + ".jpg"))
  }

  @Test("If a file is in the place of an output folder, the message has the system's reason")
  func fileForFolder() throws {
    let (folder, output) = (try PictureFolder(), Output())
    try FileManager.default.createDirectory(atPath: output.path, withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: output.path + "/below", contents: nil))
    let outcome = try run([folder.path], output.path)
    #expect(
      outcome.exitCode == 2 && outcome.errors.contains("cannot be put at \(output.path)/below/two.jpg: Not a dir"))
    #expect(FileManager.default.contents(atPath: output.path + "/below") == Data())
  }

  @Test("An input that is named twice is refused, also if the two paths are written in different ways")
  func twice() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let (picture, other) = (folder.path + "/one.jpg", folder.path + "/below/../one.jpg")
    let same = try run([picture, picture], output.path)
    #expect(same.exitCode == 2 && same.errors == "thumbnails: \(picture) is named twice. Name it once.\n")
    let ways = try run([picture, other], output.path)
    #expect(ways.errors == "thumbnails: \(other) is named twice, also as \(picture). Name it once.\n")
    let folders = try run([folder.path, folder.path + "/"], output.path)
    #expect(folders.errors == "thumbnails: \(folder.path)/ is named twice, also as \(folder.path). Name it once.\n")
    let missing = try run(["/nowhere/a.jpg", "/nowhere/a.jpg"], output.path)
    #expect(missing.errors == "thumbnails: /nowhere/a.jpg is named twice. Name it once.\n")
  }

  @Test("If the output is not a folder, the message says what it is", arguments: ["thumbnails", "leak-audit"])
  func noFolder(command: String) throws {
    let folder = try PictureFolder()
    let start = command == "thumbnails" ? [] : ["demo"]
    for (path, what) in [("/dev/null", "a device"), (folder.path + "/one.jpg", "a file")] {
      let outcome = try Command.run(command, start + [folder.path, "--output", path])
      #expect(outcome.exitCode == 2 && outcome.errors.contains("\(path) is \(what), and thumbnails go to a folder."))
    }
  }

  @Test("A pipe is called a pipe, also if it was found in a folder", arguments: ["thumbnails", "leak-audit"])
  func pipe(command: String) throws {
    let (folder, output) = (try PictureFolder(), Output())
    let path = folder.path + "/below/pipe.jpg"
    try #require(unsafe mkfifo(path, 0o644) == 0)
    for input in [path, folder.path] {
      let start = command == "thumbnails" ? [] : ["demo"]
      let outcome = try Command.run(command, start + [input, "--output", output.path])
      #expect(outcome.exitCode == 2 && outcome.errors == "\(path): is a pipe, which is no picture file\n")
    }
  }

  @Test("An empty path is a mistake on the command line")
  func emptyPath() throws {
    for (command, arguments) in [
      ("thumbnails", ["", "--output", "/nowhere/at/all"]), ("leak-audit", ["demo", "/", ""]),
    ] {
      let outcome = try Command.run(command, arguments)
      #expect(outcome.exitCode == 64 && outcome.errors.contains("A path is empty. Name a folder or a "))
    }
  }

  @Test(
    "If a file exceeds ulimit -f, there is an error, and no temporary file is left",
    arguments: ["thumbnails", "leak-audit demo"])
  func fileSizeLimit(command: String) throws {
    let (folder, output) = (try PictureFolder(), Output())
    let words = command.split(separator: " ").map(String.init)
    // The limit is 4 blocks of 512 bytes: the command prints less than that, and its thumbnails are larger.
    let script = "ulimit -f 4; exec \"$@\""
    let arguments = [Command.path(words[0])] + words.dropFirst() + [folder.path, "--output", output.path]
    let outcome = try Command.run("/bin/sh", ["-c", script, "sh"] + arguments)
    #expect(outcome.exitCode == 2 && outcome.errors.contains("/one.jpg: the file cannot be written: File too large."))
    #expect(output.files == [])
    #expect(outcome.output.contains("verdict: clean"))
  }
}
