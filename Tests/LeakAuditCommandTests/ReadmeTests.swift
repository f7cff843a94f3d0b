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
    try Self.texts().flatMap { DocumentedCode.blocks(language, in: $0) }
  }

  @Test(
    "Every Swift block builds for a client in strict mode, with warnings as errors",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func swiftBlocks() throws {
    // BridgeTests compiles the others.
    let blocks = try blocks("swift").filter { !Self.isManifest($0) && !DocumentedCode.isOfBridge($0) }
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

  @Test(
    "Every example in a comment builds for a client in strict mode, with warnings as errors",
    .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func examples() throws {
    let examples = try Self.modules.flatMap(DocumentedCode.examples(ofModule:))
    #expect(examples.count >= 18)
    let source = DocumentedCode.source(
      of: examples,
      importing: ["Bitmaps", "Finalization", "Foundation", "LeakAuditing", "NativeBuffers", "SystemPackage"],
      parameters: """
        bitmap: inout Bitmap, frame: inout Bitmap, picture: EncodedPicture, bytes: [UInt8],
        span: inout MutableSpan<UInt8>
        """,
      contexts: Self.contexts)
    let outcome = try TypeChecker.check(source, isStrict: true)
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
