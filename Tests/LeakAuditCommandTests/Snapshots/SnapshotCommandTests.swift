// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditCommands
import TestSupport
import Testing

@Suite("leak-audit snapshot")
struct SnapshotCommandTests {
  private let made = MadeSnapshot(lines: [.init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000)])

  @Test("A snapshot of a snapshot is the same, replaces a file of its name, is for this user alone, and zcat shows it")
  func written() throws {
    let folder = try ScratchFolder()
    let source = try folder.write(made, "source")
    let target = "\(folder.path)/target"
    for _ in 0..<2 {
      let outcome = try Command.run("leak-audit", ["snapshot", source, "-o", target])
      #expect(outcome.exitCode == 0 && outcome.errors == "")
      #expect(
        outcome.output.hasPrefix(
          "server (process 4211) on web-3, ended by a regular exit; snapshot taken 2023-11-14 22:25:25 UTC\nlive 3 of "
            + "2.86 MiB; "))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["source", "target"])
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: target)))
    #expect(try SnapshotFile.snapshot(from: bytes) == made.snapshot)
    let rights = try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions] as? Int
    #expect(rights == 0o600)
    let shown = try Command.run("/bin/sh", ["-c", "zcat \"$0\" 2>&1 || gzip -dc < \"$0\"", target])
    #expect(shown.output.contains("\"file\":\"Server/Cache.swift\""))
  }

  @Test("A symbolic link, a pipe and a device keep their names: the bytes go to where they lead")
  func special() throws {
    let folder = try ScratchFolder()
    let source = try folder.write(made, "source")
    let (link, pipe, device) = ("\(folder.path)/link", "\(folder.path)/pipe", "\(folder.path)/device")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "target")
    // A link to nothing has no place for the bytes.
    #expect(try Command.run("leak-audit", ["snapshot", source, "-o", link]).exitCode == 2)
    try Data().write(to: URL(fileURLWithPath: "\(folder.path)/target"))
    #expect(try Command.run("leak-audit", ["snapshot", source, "-o", link]).exitCode == 0)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "target")
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/target")))
    #expect(try SnapshotFile.snapshot(from: bytes) == made.snapshot)
    let piped = try Command.run(
      "/bin/sh",
      [
        "-c", "mkfifo \"$2\" && { \"$0\" snapshot \"$1\" -o \"$2\" & zcat < \"$2\"; wait $!; test -p \"$2\"; }",
        Command.path("leak-audit"), source, pipe,
      ])
    #expect(piped.exitCode == 0 && piped.output.contains("Server/Cache.swift"), "\(piped.errors)")
    // A node like /dev/full, whose writes fail. Only root can make one.
    guard unsafe mknod(device, S_IFCHR | 0o666, 1 << 8 | 7) == 0 else { return }
    let full = try Command.run("leak-audit", ["snapshot", source, "-o", device])
    var status = stat()
    #expect(unsafe stat(device, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    #expect(full.exitCode == 2, "\(full.errors)")
  }

  @Test("The file that is read, by any of its names, and every other ledger are not overwritten")
  func ownSource() throws {
    let folder = try ScratchFolder()
    let source = try folder.write(made, "source")
    let ledger = try folder.write(Array("SWLEDGER and more".utf8), "ledger")
    let known = try folder.write(Array("held A.swift * because x\n".utf8), "known")
    let (link, hardLink) = ("\(folder.path)/link", "\(folder.path)/hard")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "source")
    try FileManager.default.linkItem(atPath: source, toPath: hardLink)
    let ways =
      [source, link, hardLink, ledger].map { ["snapshot", "--redact", source, "-o", $0] }
      + [known, ledger].map { ["run", "--suppress", known, "-o", $0, "--", "true"] }
    let before = try [source, ledger, known].map { try Data(contentsOf: URL(filePath: $0)) }
    for arguments in ways {
      let outcome = try Command.run("leak-audit", arguments)
      #expect(outcome.exitCode == 2 && outcome.output == "", "\(arguments)")
      #expect(
        outcome.errors.hasSuffix(", and would be destroyed. Name another file by --output.\n"), "\(outcome.errors)")
      #expect(try [source, ledger, known].map { try Data(contentsOf: URL(filePath: $0)) } == before, "\(arguments)")
    }
  }

  @Test("- stands for standard output, which then has the snapshot alone")
  func standardOutput() throws {
    let folder = try ScratchFolder()
    let source = try folder.write(made, "source")
    let script = "cd \"$2\" && \"$0\" snapshot \"$1\" -o - >target && \"$0\" snapshot \"$1\" -o - >/dev/full"
    let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit"), source, folder.path])
    #expect(outcome.exitCode == 2 && outcome.output == "")
    #expect(outcome.errors.contains(" written to standard output\nleak-audit: standard output could not be written: "))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["source", "target"])
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/target")))
    #expect(try SnapshotFile.snapshot(from: bytes) == made.snapshot)
  }

  @Test("With --redact, no name is in the file")
  func redacted() throws {
    let folder = try ScratchFolder()
    let target = "\(folder.path)/target"
    #expect(
      try Command.run("leak-audit", ["snapshot", folder.write(made, "source"), "--redact", "-o", target]).exitCode == 0)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: target)))
    #expect(try SnapshotFile.snapshot(from: bytes) == made.snapshot.redacted)
  }

  @Test("If the file cannot be written, nothing is left of it, and the exit code is 2")
  func refused() throws {
    let folder = try ScratchFolder()
    let source = try folder.write(made, "source")
    for target in ["\(folder.path)/missing/target", "/dev/full/x", folder.path] {
      let outcome = try Command.run("leak-audit", ["snapshot", source, "-o", target])
      #expect(outcome.exitCode == 2 && outcome.output == "")
      #expect(outcome.errors.contains("could not be written: ") && outcome.errors.contains("Name another file by"))
    }
    let limited = try Command.run(
      "/bin/sh",
      [
        "-c", "(ulimit -f 0; exec \"$0\" snapshot \"$1\" -o \"$2\" 2>&1) | cat", Command.path("leak-audit"), source,
        "\(folder.path)/target",
      ])
    #expect(limited.output.contains("could not be written: file too large"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["source"])
  }
}
