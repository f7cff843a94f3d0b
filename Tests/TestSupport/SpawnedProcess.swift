// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A program that was started by `posix_spawn`. It has the three standard streams that it is given, and no other
/// descriptor of this process.
///
/// Not Foundation's `Process`: that one waits until every process has ended that inherited a descriptor which it
/// opened, also a child that another test forked at that moment.
public struct SpawnedProcess {
  public let id: pid_t

  /// - Parameters:
  ///   - words: the program's absolute path, and its arguments.
  ///   - environment: nil for that of this process.
  ///   - input, output, errors: the standard streams; they stay open here.
  ///   - blocked: the signals that are blocked at the start. A thread that runs tests may have blocked others.
  ///   - defaulted: signals that have their usual effect at the start, whatever they do in this process. Tests that run
  ///     in the background, or under `nohup`, ignore some of those that end a program.
  /// - Throws: ``SpawnFailure``.
  public init(
    _ words: [String], environment: [String: String]? = nil, input: Int32 = STDIN_FILENO,
    output: Int32 = STDOUT_FILENO, errors: Int32 = STDERR_FILENO, blocked: [Int32] = [],
    defaulted: [Int32] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE]
  ) throws(SpawnFailure) {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (number, stream) in [input, output, errors].enumerated() {
      unsafe posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
    }
    // Swift does not import this call.
    typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    guard let symbol = unsafe dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
      throw SpawnFailure(program: words[0], number: ENOSYS)
    }
    // SAFETY: this is its type.
    _ = unsafe unsafeBitCast(symbol, to: CloseFrom.self)(&actions, 3)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var (mask, defaults) = (Self.set(blocked), Self.set(defaulted))
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] =
      unsafe (environment ?? [:]).map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer { unsafe (arguments + settings).forEach { unsafe free($0) } }
    var id = pid_t()
    let code =
      environment == nil
      ? unsafe posix_spawn(&id, words[0], &actions, &attributes, &arguments, environ)
      : unsafe posix_spawn(&id, words[0], &actions, &attributes, &arguments, &settings)
    guard code == 0 else { throw SpawnFailure(program: words[0], number: code) }
    self.id = id
  }

  private static func set(_ signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    return set
  }

  /// Waits until the process has ended. May be called once.
  public func wait() -> End {
    var status: Int32 = -1
    while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
    return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(status & 0x7F)
  }

  public enum End: Equatable, Sendable {
    case exited(Int32)
    /// By this signal.
    case killed(Int32)

    /// The exit code; nil if a signal ended the process.
    public var exitCode: Int32? { if case .exited(let code) = self { code } else { nil } }
  }
}

/// Says that a program could not be started.
public struct SpawnFailure: Error, CustomStringConvertible {
  let program: String
  /// errno's value.
  let number: Int32

  public var description: String { "\(program) cannot be started: errno \(number)" }
}
