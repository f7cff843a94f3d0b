// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs the compiler on a source text, with the modules that this test was built with.
public enum TypeChecker {
  public struct Outcome: Sendable {
    public let succeeded: Bool
    /// What the compiler printed.
    public let diagnostics: String
  }

  /// The folder that holds the package's manifest.
  public static var packageRoot: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  }

  /// The folder with the test binary, the commands and the modules.
  public static var buildFolder: URL {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
  }

  /// Whether there is a compiler to run.
  public static var isAvailable: Bool {
    (try? run(["swiftc", "--version"]).succeeded) ?? false
  }

  /// Runs the compiler up to the checks of ownership and lifetimes, which type checking alone does not do.
  /// - Parameters:
  ///   - isStrict: whether to refuse also what a client's package refuses in strict mode, with warnings as errors.
  ///   - makesCode: whether to go on and make machine code, which is dropped.
  public static func check(_ source: String, isStrict: Bool = false, makesCode: Bool = false) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("typecheck-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("main.swift")
    try source.write(to: file, atomically: true, encoding: .utf8)
    let checkouts = buildFolder.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("checkouts")
    let sources = [packageRoot] + ((try? folders(in: checkouts)) ?? [])
    // A module of C has a map of its own, or SwiftPM made one for it in the build folder.
    let written = sources.flatMap { (try? folders(in: $0.appendingPathComponent("Sources"))) ?? [] }
      .map { $0.appendingPathComponent("include/module.modulemap") }
    let made = try folders(in: buildFolder).map { $0.appendingPathComponent("module.modulemap") }
    let maps = (written + made).filter { FileManager.default.fileExists(atPath: $0.path) }
    return try run(
      [
        "swiftc", makesCode ? "-c" : "-emit-sil", "-o",
        makesCode ? folder.appendingPathComponent("code.o").path : "/dev/null", "-swift-version", "6", "-I",
        buildFolder.appendingPathComponent("Modules").path,
      ]
        + (isStrict ? ["-strict-memory-safety", "-warnings-as-errors"] : [])
        + maps.flatMap { ["-Xcc", "-fmodule-map-file=\($0.path)"] } + [file.path])
  }

  private static func folders(in folder: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
  }

  private static func run(_ arguments: [String]) throws -> Outcome {
    let outcome = try Command.run("/usr/bin/env", arguments)
    return Outcome(succeeded: outcome.exitCode == 0, diagnostics: outcome.output + outcome.errors)
  }
}
