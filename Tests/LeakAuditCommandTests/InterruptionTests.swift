// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@Suite("Signals that a command inherits")
struct InterruptionTests {
  private static let commands = [["thumbnails"], ["leak-audit", "demo"]]

  /// Starts a command with signals as a shell or a service may leave them.
  private func start(
    _ command: [String], _ more: [String], output: Int32, blocked: [Int32] = []
  ) throws -> SpawnedProcess {
    let null = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer { close(null) }
    return try SpawnedProcess(
      [Command.path(command[0])] + command.dropFirst() + more, output: output, errors: null, blocked: blocked)
  }

  @Test("Ctrl-C and SIGTERM end a command whose parent has blocked them", arguments: commands, [SIGINT, SIGTERM])
  func blocked(command: [String], signal: Int32) throws {
    let (folder, output) = (try PictureFolder(), ThumbnailsCommandTests.Output())
    let null = unsafe open("/dev/null", O_WRONLY)
    defer { close(null) }
    let child = try start(command, [folder.path, "--output", output.path], output: null, blocked: [signal])
    // Blocked, the signal waits until the command unblocks it. That is before the first picture.
    try #require(kill(child.id, signal) == 0)
    #expect(child.wait().exitCode == 128 + signal)
    #expect(output.files == [])
  }

  @Test("If the reader of its output has gone, a command ends with an error, not by a signal", arguments: commands)
  func closedPipe(command: [String]) throws {
    let (folder, output) = (try PictureFolder(), ThumbnailsCommandTests.Output())
    var ends: [Int32] = [0, 0]
    // A socket instead of a pipe, because no other test's process may get a copy of the reader's end.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let child = try start(
      command, [folder.path, "--output", output.path], output: ends[1])
    #expect(child.wait().exitCode == 2)
    #expect(output.files.count == 2)
  }
}
