// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@Suite("Signals that a command inherits")
struct InterruptionTests {
  /// A process that was started with signals as a shell or a service may leave them.
  private struct Child {
    let id: pid_t

    /// - Parameters:
    ///   - blocked: The signals that are blocked at the start.
    ///   - defaulted: The signals that end the process at the start, whatever they do in the process of the tests.
    init(
      _ command: String, _ arguments: [String], output: Int32, blocked: [Int32], defaulted: [Int32]
    ) throws {
      var attributes = posix_spawnattr_t()
      unsafe posix_spawnattr_init(&attributes)
      defer { unsafe posix_spawnattr_destroy(&attributes) }
      unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
      var (mask, defaults) = (Self.set(blocked), Self.set(defaulted))
      unsafe posix_spawnattr_setsigmask(&attributes, &mask)
      unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
      var actions = unsafe posix_spawn_file_actions_t()
      unsafe posix_spawn_file_actions_init(&actions)
      defer { unsafe posix_spawn_file_actions_destroy(&actions) }
      unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
      unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
      var words = unsafe ([command] + arguments).map { unsafe strdup($0) } + [nil]
      defer { for index in unsafe words.indices { unsafe free(words[index]) } }
      var id = pid_t(0)
      try #require(unsafe posix_spawn(&id, command, &actions, &attributes, &words, environ) == 0)
      self.id = id
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
      var set = sigset_t()
      unsafe sigemptyset(&set)
      for signal in signals { unsafe sigaddset(&set, signal) }
      return set
    }

    /// The exit code; nil if a signal ended the process.
    func exitCode() -> Int32? {
      var status: Int32 = 0
      while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
      return status & 0x7F == 0 ? status >> 8 & 0xFF : nil
    }
  }

  private static let commands = [["thumbnails"], ["leak-audit", "demo"]]

  private func start(
    _ command: [String], _ more: [String], output: Int32, blocked: [Int32] = [], defaulted: [Int32] = []
  ) throws -> Child {
    try Child(
      Command.path(command[0]), command.dropFirst() + more, output: output, blocked: blocked, defaulted: defaulted)
  }

  @Test("Ctrl-C and SIGTERM end a command whose parent has blocked them", arguments: commands, [SIGINT, SIGTERM])
  func blocked(command: [String], signal: Int32) throws {
    let (folder, output) = (try PictureFolder(), ThumbnailsCommandTests.Output())
    let null = unsafe open("/dev/null", O_WRONLY)
    defer { close(null) }
    let child = try start(command, [folder.path, "--output", output.path], output: null, blocked: [signal])
    // Blocked, the signal waits until the command unblocks it. That is before the first picture.
    try #require(kill(child.id, signal) == 0)
    #expect(child.exitCode() == 128 + signal)
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
      command, [folder.path, "--output", output.path], output: ends[1], defaulted: [SIGPIPE])
    #expect(child.exitCode() == 2)
    #expect(output.files.count == 2)
  }
}
