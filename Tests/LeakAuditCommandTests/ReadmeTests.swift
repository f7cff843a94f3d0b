// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("README and documentation")
struct ReadmeTests {
  /// The README and the articles of all modules.
  private static func texts() throws -> [String] {
    let root = TypeChecker.packageRoot
    let sources = root.appendingPathComponent("Sources").path
    let articles = try FileManager.default.subpathsOfDirectory(atPath: sources)
      .filter { $0.hasSuffix(".md") }.sorted().map { "\(sources)/\($0)" }
    return try ([root.appendingPathComponent("README.md").path] + articles)
      .map { try String(contentsOfFile: $0, encoding: .utf8) }
  }

  /// The code blocks of a language.
  private func blocks(_ language: String) throws -> [String] {
    try Self.texts().flatMap { Self.blocks(language, in: $0) }
  }

  private static func blocks(_ language: String, in text: String) -> [String] {
    var blocks: [String] = []
    var block: [Substring]?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if let lines = block, line == "```" {
        blocks.append(lines.joined(separator: "\n"))
        block = nil
      } else if block != nil {
        block?.append(line)
      } else if line == "```\(language)" {
        block = []
      }
    }
    return blocks
  }

  @Test(
    "Every Swift block builds for a client in strict mode, with warnings as errors",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func swiftBlocks() throws {
    let blocks = try blocks("swift").filter { !Self.isManifest($0) }
    #expect(blocks.count >= 4)
    for block in blocks {
      let outcome = try TypeChecker.check(block, isStrict: true)
      #expect(outcome.succeeded, "\(block)\n\(outcome.diagnostics)")
    }
  }

  private static func isManifest(_ block: String) -> Bool { block.hasPrefix("// swift-tools-version") }

  /// What SwiftPM reads in a manifest. It works in a folder of its own: the package's is locked while tests run.
  private static func description(of manifest: String) throws -> [String: Any] {
    let folder = try ScratchFolder()
    _ = try folder.write(Array(manifest.utf8), "Package.swift")
    let words = ["swift", "package", "--package-path", folder.path, "dump-package"]
    let outcome = try Command.run("/usr/bin/env", words)
    try #require(outcome.exitCode == 0, "\(outcome.errors)")
    return try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  @Test(
    "Every manifest is one that SwiftPM reads, and names this package and products that it has",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func manifests() throws {
    let own = try Self.description(
      of: String(contentsOf: TypeChecker.packageRoot.appendingPathComponent("Package.swift"), encoding: .utf8))
    let name = try #require(own["name"] as? String)
    let products = try #require(own["products"] as? [[String: Any]]).compactMap { $0["name"] as? String }
    let manifests = try blocks("swift").filter(Self.isManifest)
    #expect(!manifests.isEmpty)
    for manifest in manifests {
      let read = try Self.description(of: manifest)
      let used = try #require(read["targets"] as? [[String: Any]])
        .flatMap { $0["dependencies"] as? [[String: Any]] ?? [] }.compactMap { $0["product"] as? [Any] }
      #expect(!used.isEmpty && used.allSatisfy { products.contains($0[0] as? String ?? "") }, "\(manifest)")
      #expect(used.allSatisfy { $0[1] as? String == name } && manifest.contains("name: \"\(name)\", path: "))
    }
  }

  /// Declarations that the examples in comments use, by the name of the examples' file.
  private static let contexts = [
    "FinalizationRegistry.swift": """
    @Sendable func release(_ name: UInt32) {}
    typealias TextureName = UInt32
    final class Handle {}
    let (handle, name) = (Handle(), UInt32(1))
    """,
    "LeakAuditor.swift": "func makeThumbnails() throws -> Int { 1 }",
    "NativeResource.swift": """
    @Sendable func release(_ name: UInt32) {}
    func draw(_ name: UInt32) {}
    let (name, width, height) = (UInt32(1), 2, 3)
    """,
    "PictureDecoder.swift": """
    let pieces = try [NativeBuffer(byteCount: 1)]
    _ = pieces
    """,
    "UniqueBuffer+Scoped.swift": "func fill(_ buffer: inout UniqueBuffer) throws {}",
    "TypedViews.swift": "let buffer = try NativeBuffer(byteCount: 8)",
    "Scope.swift": """
    func handleRequest() {}
    let pool = DispatchQueue(label: "pool")
    """,
    "ResourceDomain.swift": """
    enum Driver {
      static let (textureCount, textureBytes) = (1, 4_096)
      static func delete(_ name: UInt32) {}
    }
    """,
    "ResourceCache.swift": """
    final class Texture: Sendable {
      let byteCount = 1
      init(contentsOf path: String) throws {}
    }
    let path = "path"
    """,
  ]

  /// The modules whose public types have examples.
  private static let modules = ["Bitmaps", "Finalization", "LeakAuditing", "NativeBuffers", "ResourceLedger"]

  /// The examples in documentation comments: lines that are indented by four more than the text.
  private static func examples(in file: String) throws -> [String] {
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false
    )
    .map { $0.drop { $0 == " " } }
    var examples: [[Substring]] = []
    var (isInDrawing, isInExample) = (false, false)
    for (line, previous) in zip(lines, [""] + lines) {
      if line.hasPrefix("/// ```") { isInDrawing.toggle() }
      guard line.hasPrefix("///     "), !isInDrawing else {
        isInExample = false
        continue
      }
      // The later lines of a list item are indented, too, but an example follows an empty line.
      if previous == "///" {
        examples.append([])
        isInExample = true
      }
      if isInExample { examples[examples.count - 1].append(line.dropFirst(8)) }
    }
    return examples.map { $0.joined(separator: "\n") }
  }

  @Test(
    "Every example in a comment builds for a client in strict mode, with warnings as errors",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func examples() throws {
    let sources = TypeChecker.packageRoot.appendingPathComponent("Sources").path
    let imports = ["Bitmaps", "Finalization", "Foundation", "LeakAuditing", "NativeBuffers", "SystemPackage"]
    var text = imports.map { "import \($0)\n" }.joined()
    var count = 0
    for name in try FileManager.default.subpathsOfDirectory(atPath: sources).sorted()
    where Self.modules.contains(where: { name.hasPrefix("\($0)/") }) && name.hasSuffix(".swift") {
      for example in try Self.examples(in: "\(sources)/\(name)") {
        count += 1
        let names = example.split(separator: "\n").flatMap { line in
          guard line.hasPrefix("let "), let end = line.range(of: " = ") else { return [String]() }
          return line[..<end.lowerBound].dropFirst(4).split { "(), ".contains($0) }.map(String.init)
        }
        text += """
          func example\(count)(  // \(name)
            bitmap: inout Bitmap, frame: inout Bitmap, picture: EncodedPicture, bytes: [UInt8],
            span: inout MutableSpan<UInt8>
          ) throws {
          \(Self.contexts[(name as NSString).lastPathComponent] ?? "")
          \(example)
          \(names.map { "_ = \($0)" }.joined(separator: "\n"))
          }

          """
      }
    }
    #expect(count >= 18)
    let outcome = try TypeChecker.check(text, isStrict: true)
    #expect(outcome.succeeded, "\(outcome.diagnostics)")
  }

  @Test("Every shell block is a command that the shell can read")
  func shellBlocks() throws {
    let blocks = try blocks("sh")
    #expect(blocks.count >= 2)
    for block in blocks {
      #expect(try Command.run("/bin/bash", ["-n", "-c", block]).exitCode == 0, "\(block)")
    }
  }
}
