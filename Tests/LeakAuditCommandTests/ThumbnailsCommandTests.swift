// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation
import TestSupport
import Testing

@Suite("thumbnails")
struct ThumbnailsCommandTests {
  /// A folder for thumbnails that is removed at the end.
  final class Output {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("thumbnails-\(UUID().uuidString)").path
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// All files, by their paths below this one.
    var files: [String] { Self.files(in: path) }

    static func files(in folder: String) -> [String] {
      let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
      return names.filter { name in
        let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
        return attributes?[.type] as? FileAttributeType == .typeRegular
      }.sorted()
    }
  }

  private func run(_ arguments: [String], _ output: Output, _ more: String...) throws -> Command.Outcome {
    try Command.run("thumbnails", arguments + ["--output", output.path] + more)
  }

  /// The counts in the first line of the output.
  private func counts(_ outcome: Command.Outcome) -> String {
    let match = outcome.output.firstMatch(of: /thumbnails: (.+), in [0-9.,]+ seconds, [0-9.]+ pictures\/s\n/)
    return match.map { String($0.1) } ?? outcome.output + outcome.errors
  }

  @Test("A tree of pictures becomes a tree of thumbnails, the run is audited, and the exit code is 0")
  func tree() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let outcome = try run([folder.path], output, "--width", "100")
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    #expect(counts(outcome) == "2 made, 0 up to date, 0 failed")
    #expect(outcome.output.contains("arena \"thumbnails\"") && outcome.output.contains("peak resident set: "))
    #expect(outcome.output.hasSuffix("verdict: clean. Both books agree, and nothing was left.\n"))
    #expect(output.files == ["below/two.jpg", "one.jpg"])
    for file in output.files {
      let info = try PictureInfo(probingFileAt: "\(output.path)/\(file)")
      #expect(info.format == .jpeg && info.width == 100 && info.height == 63)
    }
  }

  @Test("A second run keeps the thumbnails that are whole, newer than their pictures and as wide as wanted")
  func resuming() throws {
    let (folder, output) = (try PictureFolder(), Output())
    _ = try run([folder.path], output)
    #expect(counts(try run([folder.path], output)) == "0 made, 2 up to date, 0 failed")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: 60)], ofItemAtPath: folder.path + "/one.jpg")
    #expect(counts(try run([folder.path], output)) == "1 made, 1 up to date, 0 failed")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -60)], ofItemAtPath: folder.path + "/one.jpg")
    try FileManager.default.removeItem(atPath: output.path + "/below/two.jpg")
    #expect(counts(try run([folder.path], output)) == "1 made, 1 up to date, 0 failed")
    // A picture that is as old as its thumbnail may have changed after the thumbnail was made.
    for file in ["one.jpg", "below/two.jpg"] {
      let copied = try Command.run("/usr/bin/env", ["touch", "-r", output.path + "/" + file, folder.path + "/" + file])
      try #require(copied.exitCode == 0)
    }
    #expect(counts(try run([folder.path], output)) == "2 made, 0 up to date, 0 failed")
    // A thumbnail of another width is not up to date. But no thumbnail needs to be wider than its picture.
    #expect(counts(try run([folder.path], output, "--width", "300")) == "2 made, 0 up to date, 0 failed")
    #expect(counts(try run([folder.path], output, "--width", "640")) == "2 made, 0 up to date, 0 failed")
    #expect(counts(try run([folder.path], output, "--width", "5000")) == "0 made, 2 up to date, 0 failed")
  }

  @Test("Files that cannot be decoded are named with the reason, and all others are made; the exit code is 2")
  func failures() throws {
    let (folder, output) = (try PictureFolder(), Output())
    try folder.add("broken.jpg", Data([0xFF, 0xD8, 0xFF, 0xE0, 0, 16]))
    try folder.add("notes.txt", Data("not a picture".utf8))
    let missing = folder.path + "-missing"
    let outcome = try run([folder.path, missing], output, "--jobs", "2")
    #expect(outcome.exitCode == 2)
    #expect(counts(outcome) == "2 made, 0 up to date, 3 failed")
    let lines = outcome.errors.split(separator: "\n").sorted()
    #expect(lines.count == 3)
    #expect(lines.contains { $0.hasPrefix("\(folder.path)/broken.jpg: ") })
    #expect(lines.contains { $0.hasPrefix("\(folder.path)/notes.txt: ") && $0.contains("no picture") })
    let reason = "there is no such file or folder. Look whether the path is right, or whether it was moved meanwhile."
    #expect(lines.contains("\(missing): cannot be read: \(reason)"))
    #expect(outcome.output.contains("verdict: clean"))
  }

  @Test("The number of jobs does not change the files")
  func jobs() throws {
    let (folder, one, many) = (try PictureFolder(), Output(), Output())
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    for index in 0..<12 { try folder.add("copy\(index).jpg", picture) }
    _ = try run([folder.path], one)
    let outcome = try run([folder.path], many, "--jobs", "7")
    #expect(counts(outcome) == "14 made, 0 up to date, 0 failed")
    #expect(one.files == many.files && one.files.count == 14)
    for file in one.files {
      #expect(FileManager.default.contentsEqual(atPath: "\(one.path)/\(file)", andPath: "\(many.path)/\(file)"))
    }
  }

  @Test("Two pictures never share a thumbnail, whatever their names are")
  func names() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    let names = [
      "one.png", "one.png.jpg", "one.png.jpg.jpg", "one.JPG", "one", "one.picture", "one.picture.jpg", ".jpg",
      "a.b.jpg",
    ]
    for name in names { try folder.add(name, picture) }
    #expect(counts(try run([folder.path], output)) == "11 made, 0 up to date, 0 failed")
    #expect(output.files.count == 11)
    #expect(Set(output.files).isSuperset(of: ["one.jpg", "one.png.jpg", "one.JPG.jpg", "one.picture.jpg", "a.b.jpg"]))
    #expect(counts(try run([folder.path], output)) == "0 made, 11 up to date, 0 failed")
  }

  @Test("Each of several inputs gets its own folder, and two inputs of the same name are refused")
  func severalInputs() throws {
    let (first, second, output) = (try PictureFolder(), try PictureFolder(), Output())
    let outcome = try run([first.path, second.path, first.path + "/below/two.jpg"], output)
    #expect(counts(outcome) == "5 made, 0 up to date, 0 failed")
    let names = [first, second].map { $0.url.lastPathComponent }
    #expect(Set(output.files) == Set(names.flatMap { ["\($0)/one.jpg", "\($0)/below/two.jpg"] } + ["two.jpg"]))
    let refused = try run([first.path + "/below", second.path + "/below"], Output())
    #expect(refused.exitCode == 2 && refused.errors.contains("called below"))
  }

  @Test("Thumbnails are never put among the pictures, and an output folder inside of the input is not searched")
  func overlap() throws {
    let folder = try PictureFolder()
    for output in [folder.path, folder.url.deletingLastPathComponent().path] {
      let outcome = try Command.run("thumbnails", [folder.path, "--output", output])
      #expect(outcome.exitCode == 2 && outcome.errors.contains("would lie among the pictures"))
    }
    let own = try Command.run("thumbnails", [folder.path + "/one.jpg", "--output", folder.path])
    #expect(own.exitCode == 2 && own.errors.contains("would replace the picture itself"))
    let below = folder.path + "/thumbnails"
    for expected in ["2 made, 0 up to date, 0 failed", "0 made, 2 up to date, 0 failed"] {
      #expect(counts(try Command.run("thumbnails", [folder.path, "--output", below])) == expected)
    }
    #expect(Output.files(in: folder.path).count == 4)
  }

  @Test("A file that is not a thumbnail is not replaced")
  func strangers() throws {
    let (folder, output) = (try PictureFolder(), Output())
    try FileManager.default.createDirectory(atPath: output.path, withIntermediateDirectories: true)
    let stranger = Data("my own".utf8)
    #expect(FileManager.default.createFile(atPath: output.path + "/one.jpg", contents: stranger))
    let outcome = try run([folder.path], output)
    #expect(outcome.exitCode == 2 && counts(outcome) == "1 made, 0 up to date, 1 failed")
    #expect(outcome.errors.contains("/one.jpg, which this program did not make, and which stays"))
    #expect(FileManager.default.contents(atPath: output.path + "/one.jpg") == stranger)
  }

  @Test("Memory does not grow with the number of pictures")
  func memory() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let picture = try Bitmap.drawn(width: 2_000, height: 1_500)
    try picture.writePNG(toFileAt: folder.path + "/below/large.png")
    picture.dispose()
    func peak(_ outcome: Command.Outcome) throws -> Int {
      let match = try #require(outcome.output.firstMatch(of: /peak resident set: ([0-9,]+) bytes/))
      return try #require(Int(match.1.replacing(",", with: "")))
    }
    let few = try peak(run([folder.path], Output()))
    for index in 0..<12 {
      try FileManager.default.linkItem(
        atPath: folder.path + "/below/large.png", toPath: folder.path + "/below/link\(index).png")
    }
    let outcome = try run([folder.path], output)
    #expect(counts(outcome) == "15 made, 0 up to date, 0 failed")
    // The peak may be higher by less than two of the 13 pictures of 9 MB.
    #expect(try peak(outcome) < few + 16_000_000)
  }

  @Test("Ctrl-C ends the run between two pictures, and the next run makes the remaining thumbnails")
  func interrupted() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let picture = try Bitmap.drawn(width: 2_000, height: 1_500)
    try picture.writePNG(toFileAt: folder.path + "/large.png")
    picture.dispose()
    for index in 0..<30 {
      try FileManager.default.linkItem(atPath: folder.path + "/large.png", toPath: folder.path + "/link\(index).png")
    }
    let script = "exec timeout --preserve-status -s INT 0.3 \"$0\" \"$1\" --output \"$2\" --jobs 2"
    let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("thumbnails"), folder.path, output.path])
    // On a fast machine the run may end before the signal.
    #expect([0, 130].contains(outcome.exitCode))
    #expect(outcome.output.contains("verdict: clean"))
    if outcome.exitCode == 130 { #expect(outcome.output.contains("ended by signal 2")) }
    #expect(output.files.allSatisfy { $0.hasSuffix(".jpg") && !$0.contains("tmp") })
    let before = output.files.count
    #expect(counts(try run([folder.path], output)) == "\(33 - before) made, \(before) up to date, 0 failed")
  }

  @Test("A terminal shows progress on standard error, and the progress is removed at the end")
  func progress() throws {
    let (folder, output) = (try PictureFolder(), Output())
    let command = "\(Command.path("thumbnails")) \(folder.path) --output \(output.path) >/dev/null"
    let outcome = try Command.run("/usr/bin/env", ["script", "-qec", command, "/dev/null"])
    #expect(outcome.exitCode == 0)
    #expect(outcome.output.contains("[1/2] below/two.jpg") && outcome.output.contains("[2/2] one.jpg"))
    #expect(outcome.output.hasSuffix("\r\u{1B}[K"))
  }

  @Test(
    "A mistake on the command line is explained, and the exit code is 64",
    arguments: [["--width", "0"], ["--jobs", "0"], ["--quality", "101"], ["--width", "wide"], ["--tulips"]])
  func usage(arguments: [String]) throws {
    let outcome = try Command.run("thumbnails", ["/", "--output", "/nowhere/at/all"] + arguments)
    #expect(outcome.exitCode == 64 && outcome.errors.contains("Error: "))
  }
}
