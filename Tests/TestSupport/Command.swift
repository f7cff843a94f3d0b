// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs a built command as a process of its own.
public struct Command {
  public struct Outcome: Sendable {
    public let exitCode: Int32
    public let output: String
    public let errors: String
  }

  /// The path of a command of this package that was built together with the tests.
  public static func path(_ name: String) -> String { TypeChecker.buildFolder.appendingPathComponent(name).path }

  /// - Parameter name: a command of this package, or the absolute path of another command.
  public static func run(_ name: String, _ arguments: [String]) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: name.hasPrefix("/") ? name : path(name))
    process.arguments = arguments
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files instead of pipes: the command would stop at a full pipe, because this does not read before the command
    // ends.
    let output = folder.appendingPathComponent("output")
    let errors = folder.appendingPathComponent("errors")
    for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try withoutBlockedSignals { try process.run() }
    process.waitUntilExit()
    return Outcome(
      exitCode: process.terminationStatus,
      output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
  }

  /// A command inherits the signals that are blocked. A thread that runs tests may have blocked some; a shell has none.
  private static func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
    var (none, previous) = (sigset_t(), sigset_t())
    unsafe sigemptyset(&none)
    unsafe pthread_sigmask(SIG_SETMASK, &none, &previous)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &previous, nil) }
    try body()
  }
}
