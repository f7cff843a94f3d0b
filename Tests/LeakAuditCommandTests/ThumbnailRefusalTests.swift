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
      outcome.exitCode == 2 && outcome.errors.contains("cannot be put at \(output.path)/below/two.jpg: a part of"))
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
    #expect(outcome.exitCode == 2)
    #expect(outcome.errors.contains("/one.jpg: the file cannot be written: the file would be larger than is allowed"))
    #expect(output.files == [])
    #expect(outcome.output.contains("verdict: clean"))
  }

  @Test(
    "Inputs that are refused leave no folder behind, neither the output folder nor a temporary one",
    arguments: [["thumbnails"], ["leak-audit", "demo"]])
  func nothingLeft(command: [String]) throws {
    let folder = try PictureFolder()
    let temporary = folder.path + "/tmp"
    try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    let picture = folder.path + "/one.jpg"
    let outputs = [["--output", temporary + "/new/folder"]] + (command[0] == "thumbnails" ? [] : [[]])
    for output in outputs {
      let outcome = try Command.run(
        "/usr/bin/env",
        ["TMPDIR=" + temporary, Command.path(command[0])] + command.dropFirst() + [picture, picture] + output)
      #expect(outcome.exitCode == 2 && outcome.errors.hasSuffix("\(picture) is named twice. Name it once.\n"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
    }
  }

  @Test("An output folder that is missing lies among no pictures, even behind a link and with .. in its path")
  func missingOutput() throws {
    let folder = try PictureFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/below/deep", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "below/deep")
    // The path is below/one; as text, without the link, it would be the folder itself and the name of a picture in it.
    let output = folder.path + "/link/../thumbnails"
    for counts in ["thumbnails: 2 made, 0 up to date", "thumbnails: 0 made, 2 up to date"] {
      let outcome = try run([folder.path], output)
      #expect(outcome.exitCode == 0 && outcome.output.hasPrefix(counts), "\(outcome)")
    }
    #expect(Output.files(in: folder.path + "/below/thumbnails") == ["below/two.jpg", "one.jpg"])
    // The folder "link" leads into the folder of pictures.
    let among = try run([folder.path + "/below"], folder.path + "/link/..")
    #expect(among.exitCode == 2 && among.errors.contains("would lie among the pictures"))
  }

  @Test(
    "A picture in the output folder is refused if it is no thumbnail; what is no picture stays unmentioned",
    arguments: [["thumbnails"], ["leak-audit", "demo"]])
  func pictureAmongThumbnails(command: [String]) throws {
    let folder = try PictureFolder()
    let output = folder.path + "/below"
    try folder.add("below/notes.txt", Data("my notes".utf8))
    try folder.add("below/empty.jpg", Data())
    let arguments = command.dropFirst() + [folder.path, "--output", output]
    let refusal =
      "\(output)/two.jpg: lies in the folder for thumbnails, and this program did not make it. Move it away, or name "
      + "another --output.\n"
    for _ in 0..<2 {
      let outcome = try Command.run(command[0], Array(arguments))
      #expect(outcome.exitCode == 2 && outcome.errors == refusal, "\(outcome.errors)")
      #expect(Output.files(in: output) == ["empty.jpg", "notes.txt", "one.jpg", "two.jpg"])
    }
    try FileManager.default.moveItem(atPath: output + "/two.jpg", toPath: folder.path + "/two.jpg")
    let moved = try Command.run(command[0], Array(arguments))
    #expect(moved.exitCode == 0 && moved.errors == "")
  }

  @Test("An argument that is not UTF-8 text is a mistake on the command line, and makes no folder")
  func bytesThatAreNoText() throws {
    let folder = try PictureFolder()
    for command in ["\"$0\"", "\"$1\" demo"] {
      for paths in ["\"$2/one.jpg\" --output \"$2/o$bytes\"", "\"$2/bad$bytes.jpg\" --output \"$2/o\""] {
        let outcome = try Command.run(
          "/bin/sh",
          [
            "-c", "bytes=$(printf '\\377\\376'); exec \(command) \(paths)", Command.path("thumbnails"),
            Command.path("leak-audit"), folder.path,
          ])
        #expect(outcome.exitCode == 64 && outcome.errors.contains(" is not UTF-8 text. Name a folder or file whose"))
        #expect(Output.files(in: folder.path) == ["below/two.jpg", "one.jpg"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["below", "one.jpg"])
      }
    }
    // A name may have the character that takes the place of such bytes.
    let outcome = try run([folder.path], folder.path + "/o\u{FFFD}")
    #expect(outcome.exitCode == 0 && Output.files(in: folder.path + "/o\u{FFFD}").count == 2)
  }

  @Test("The kernel's refusals are the same words wherever they occur, with advice")
  func kernelRefusals() throws {
    let folder = try PictureFolder()
    let below = try run([folder.path], "/dev/full/x")
    #expect(
      below.errors == "thumbnails: the folder for thumbnails, /dev/full/x, cannot be made: a part of its path is not a "
        + "folder. Look whether the path is right. Or name another --output.\n")
    let long = folder.path + "/" + String(repeating: "x", count: 256)
    let advice = "the name or the path is too long. Take a shorter one."
    let (output, name) = (Output(), try run([long], Output().path))
    #expect(name.exitCode == 2 && name.errors == "\(long): cannot be read: \(advice)\n")
    #expect(try run([folder.path], long).errors.contains("cannot be made: \(advice) Or name another --output."))
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/loop", withDestinationPath: "loop")
    let loop = try run([folder.path], output.path)
    #expect(
      loop.errors == "\(folder.path)/loop: cannot be read: there are too many links in its path, or they lead in a "
        + "circle. Give the path without links.\n")
    // Nothing can be made in /proc, not even by root.
    let proc = try run([folder.path], "/proc")
    #expect(proc.exitCode == 2 && proc.errors.contains("cannot be put at /proc/below/two.jpg: there is no such file"))
    #expect(proc.errors.contains("/one.jpg: the file ") || proc.errors.contains("/one.jpg: no file can be created"))
  }
}
