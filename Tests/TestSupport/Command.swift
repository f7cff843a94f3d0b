// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs a built command as a process of its own.
public struct Command {
  public struct Outcome: Sendable {
    /// The number of the signal, if one ended the command.
    public let exitCode: Int32
    public let output: String
    public let errors: String
  }

  /// The path of a command of this package that was built together with the tests.
  public static func path(_ name: String) -> String { TypeChecker.buildFolder.appendingPathComponent(name).path }

  /// The path of another program, which a shell would find by its name; nil if there is none.
  public static func onPath(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// - Parameter name: a command of this package, or the absolute path of another command.
  public static func run(_ name: String, _ arguments: [String]) throws -> Outcome {
    // Files instead of pipes: the command would stop at a full pipe, because this does not read before the command
    // ends.
    let (output, errors) = (try namelessFile(), try namelessFile())
    defer { for file in [output, errors] { close(file) } }
    let words = [name.hasPrefix("/") ? name : path(name)] + arguments
    let end = try SpawnedProcess(words, output: output, errors: errors).wait()
    let code: Int32 =
      switch end {
      case .exited(let code): code
      case .killed(let signal): signal
      }
    return Outcome(exitCode: code, output: text(of: output), errors: text(of: errors))
  }

  private static func namelessFile() throws -> Int32 {
    let template = FileManager.default.temporaryDirectory.appendingPathComponent("command-XXXXXX").path
    var path = Array(template.utf8CString)
    let file = unsafe mkstemp(&path)
    guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    unsafe unlink(path)
    return file
  }

  private static func text(of file: Int32) -> String {
    lseek(file, 0, SEEK_SET)
    let bytes = (try? FileHandle(fileDescriptor: file, closeOnDealloc: false).readToEnd()) ?? Data()
    return String(decoding: bytes, as: UTF8.self)
  }
}
