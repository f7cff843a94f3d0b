import Foundation
import TestSupport
import Testing

@Suite("What commands say of files that are damaged where no pixel is")
struct PictureWarningTests {
  @Test("A line on standard error for each, and the thumbnail is made", arguments: ["thumbnails", "leak-audit"])
  func lines(command: String) throws {
    let (folder, output) = (try PictureFolder(), ThumbnailsCommandTests.Output())
    let picture = try Data(contentsOf: folder.url.appendingPathComponent("one.jpg"))
    try #require(picture.suffix(2) == Data([0xFF, 0xD9]))
    try folder.add("cut.jpg", picture.dropLast(2))
    let start = command == "thumbnails" ? [] : ["demo"]
    let outcome = try Command.run(command, start + [folder.path, "--output", output.path])
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    #expect(
      outcome.errors
        == "\(folder.path)/cut.jpg: warning: the JPEG data ends before its end is marked. All pixels are there; "
        + "what followed them is not.\n")
    #expect(output.files.contains { $0.hasPrefix("cut") })
  }
}
