// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A process of `ledger-trials` (Tests/LedgerTrials), or of another program that starts it. It goes from step to step
/// as a test says.
public final class TrialProcess {
  private let process: SpawnedProcess
  private let input: Int32
  private let output: Int32
  private let errorFile = FileManager.default.temporaryDirectory.appendingPathComponent("errors-\(UUID().uuidString)")
  private var text = Data()
  private var end: SpawnedProcess.End?
  private var isInputOpen = true

  /// - Parameters:
  ///   - wrapper: a command that starts the command which follows it.
  ///   - ledger: the path of the ledger's file; nil for none.
  public init(_ arguments: [String], under wrapper: [String] = [], ledger: String? = nil) throws {
    var environment = ProcessInfo.processInfo.environment
    environment["NATIVE_BUFFERS_LEDGER"] = ledger
    let (inputs, outputs) = (try Self.socketPair(), try Self.socketPair())
    (input, output) = (inputs[1], outputs[0])
    let errors = unsafe open(errorFile.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { for number in [inputs[0], outputs[1], errors] { close(number) } }
    process = try SpawnedProcess(
      wrapper + [Command.path("ledger-trials")] + arguments, environment: environment, input: inputs[0],
      output: outputs[1], errors: errors)
  }

  /// Sockets are made with their flag in one call, so that no process that starts meanwhile inherits them. Swift does
  /// not import `pipe2`.
  private static func socketPair() throws -> [Int32] {
    var ends = [Int32](repeating: -1, count: 2)
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TrialFailure("socketpair: \(errno)") }
    return ends
  }

  deinit {
    kill()
    close(output)
    try? FileManager.default.removeItem(at: errorFile)
  }

  /// The id of the process that was started: of the wrapper, if that forks.
  public var id: Int { Int(process.id) }

  /// What the process has printed on standard error.
  public var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

  /// Waits for more of what the process prints. Returns false at the end, and if nothing comes for a minute.
  private func readMore() -> Bool {
    var request = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&request, 1, 60_000) == 1 else { return false }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe read(output, &bytes, bytes.count)
    if count > 0 { text += Data(bytes[..<count]) }
    return count > 0
  }

  /// Waits for the next line that the process prints; nil if it has ended, or prints nothing for a minute.
  public func nextLine() -> String? {
    while true {
      if let end = text.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: text[..<end], as: UTF8.self)
        text = Data(text[(end + 1)...])
        return line
      }
      guard readMore() else { return nil }
    }
  }

  /// Waits for the next line that the process prints.
  @discardableResult
  public func line() throws -> String {
    guard let line = nextLine() else { throw TrialFailure("the process ended, or prints nothing: \(errors)") }
    return line
  }

  /// Lets the process take its next step, and waits for the line that it prints then.
  @discardableResult
  public func step() throws -> String {
    takeStep()
    return try line()
  }

  /// Lets the process take its next step.
  public func takeStep() {
    var newline = UInt8(ascii: "\n")
    _ = unsafe write(input, &newline, 1)
  }

  public func stop() { Foundation.kill(process.id, SIGSTOP) }
  public func continueRunning() { Foundation.kill(process.id, SIGCONT) }

  /// Ends the standard input, and waits until the process has ended.
  /// - Returns: its exit code; -1 if a signal ended it.
  @discardableResult
  public func finish() -> Int32 {
    if isInputOpen { close(input) }
    isInputOpen = false
    let end = end ?? process.wait()
    self.end = end
    return end.exitCode ?? -1
  }

  /// Ends the process by SIGKILL, unless it has ended.
  /// - Returns: whether it had printed anything that was not read as a line.
  @discardableResult
  public func kill() -> Bool {
    if end == nil { Foundation.kill(process.id, SIGKILL) }
    finish()
    return !text.isEmpty || readMore()
  }

  /// The process whose parent this one is, after the wrapper has forked it.
  public func child() throws -> Int {
    let ids = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int($0) }
    let child = ids.first { id in
      guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else { return false }
      return status.contains("\nPPid:\t\(self.id)\n")
    }
    guard let child else { throw TrialFailure("process \(id) has no child") }
    return child
  }
}

/// Why a trial cannot go on.
public struct TrialFailure: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
