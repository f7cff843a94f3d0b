// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A process of `ledger-trials` (Tests/LedgerTrials), or of another program that starts it.
///
/// Not Foundation's `Process`: that one does not see the end of a command while another process lives that was started
/// at the same moment and inherited a descriptor of it, and these processes live long.
final class TrialProcess {
  private var process = pid_t()
  private let input: Int32
  private let output: Int32
  private let errorFile = FileManager.default.temporaryDirectory.appendingPathComponent("errors-\(UUID().uuidString)")
  private var text = Data()
  private var exitCode: Int32?
  private var isInputOpen = true

  /// - Parameters:
  ///   - wrapper: a command that starts the command which follows it.
  ///   - ledger: the path of the ledger's file; nil for none.
  init(_ arguments: [String], under wrapper: [String] = [], ledger: String? = nil) throws {
    let command = wrapper + [Command.path("ledger-trials")] + arguments
    var environment = ProcessInfo.processInfo.environment
    environment["NATIVE_BUFFERS_LEDGER"] = ledger
    var (inputs, outputs) = ([Int32](repeating: -1, count: 2), [Int32](repeating: -1, count: 2))
    // Sockets are made with their flag in one call, so that no process that starts meanwhile inherits them. Swift does
    // not import `pipe2`.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &inputs) == 0)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &outputs) == 0)
    (input, output) = (inputs[1], outputs[0])
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, inputs[0], STDIN_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, outputs[1], STDOUT_FILENO)
    unsafe posix_spawn_file_actions_addopen(
      &actions, STDERR_FILENO, errorFile.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    // Swift does not import this call.
    typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    let symbol = unsafe try #require(unsafe dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"))
    // SAFETY: this is its type.
    _ = unsafe unsafeBitCast(symbol, to: CloseFrom.self)(&actions, 3)
    // A thread that runs tests may have blocked signals.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] =
      unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer { unsafe (words + settings).forEach { unsafe free($0) } }
    let code = unsafe posix_spawn(&process, command[0], &actions, &attributes, &words, &settings)
    close(inputs[0])
    close(outputs[1])
    try #require(code == 0, "posix_spawn: \(code)")
  }

  deinit {
    kill()
    close(output)
    try? FileManager.default.removeItem(at: errorFile)
  }

  /// The id of the process that was started: of the wrapper, if that forks.
  var id: Int { Int(process) }

  /// What the process has printed on standard error.
  var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

  /// Waits for more of what the process prints. Returns false at the end, and if nothing comes for a minute.
  private func readMore() -> Bool {
    var request = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&request, 1, 60_000) == 1 else { return false }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe read(output, &bytes, bytes.count)
    if count > 0 { text += Data(bytes[..<count]) }
    return count > 0
  }

  /// Waits for the next line that the process prints.
  @discardableResult
  func line() throws -> String {
    while true {
      if let end = text.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: text[..<end], as: UTF8.self)
        text = Data(text[(end + 1)...])
        return line
      }
      try #require(readMore(), "the process ended, or prints nothing: \(errors)")
    }
  }

  /// Lets the process take its next step, and waits for the line that it prints then.
  @discardableResult
  func step() throws -> String {
    takeStep()
    return try line()
  }

  /// Lets the process take its next step.
  func takeStep() {
    var newline = UInt8(ascii: "\n")
    _ = unsafe write(input, &newline, 1)
  }

  /// Ends the standard input, and waits until the process has ended.
  /// - Returns: its exit code; -1 if a signal ended it.
  @discardableResult
  func finish() -> Int32 {
    if isInputOpen { close(input) }
    isInputOpen = false
    if let exitCode { return exitCode }
    var status: Int32 = -1
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    let code = status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    exitCode = code
    return code
  }

  /// Ends the process by SIGKILL, unless it has ended.
  /// - Returns: whether it had printed anything that was not read as a line.
  @discardableResult
  func kill() -> Bool {
    if exitCode == nil { Foundation.kill(process, SIGKILL) }
    finish()
    return !text.isEmpty || readMore()
  }

  /// The process whose parent this one is, after the wrapper has forked it.
  func child() throws -> Int {
    let ids = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int($0) }
    let child = ids.first { id in
      guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else { return false }
      return status.contains("\nPPid:\t\(self.id)\n")
    }
    return try #require(child)
  }
}

/// A folder for a test, which goes with this object.
final class TestFolder {
  let path: String

  /// - Parameter parent: where it is made; nil for the folder for temporary files.
  init(in parent: String? = nil) throws {
    let name = "ledger-trial-\(UUID().uuidString)"
    path = (parent.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory).appending(path: name).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
}

/// What tests ask before they use a feature of the system.
enum System {
  static var isRoot: Bool { geteuid() == 0 }
  static var isLong: Bool { ProcessInfo.processInfo.environment["NATIVE_BUFFERS_STRESS"] == "long" }

  /// Whether the system lets this user open files by `/proc/PID/map_files`.
  static var opensMappings: Bool {
    let folder = "/proc/self/map_files"
    guard let name = try? FileManager.default.contentsOfDirectory(atPath: folder).first else { return false }
    let file = unsafe open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
    if file >= 0 { close(file) }
    return file >= 0
  }

  /// Whether the system allows namespaces and mounts.
  static var hasNamespaces: Bool {
    let outcome = try? Command.run(
      "/usr/bin/unshare",
      ["--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "/bin/mount", "-t", "tmpfs", "none", "/mnt"])
    return isRoot && outcome?.exitCode == 0
  }
}
