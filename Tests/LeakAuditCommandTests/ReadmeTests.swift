import Foundation
import TestSupport
import Testing

@Suite("README")
struct ReadmeTests {
  /// The code blocks of a language.
  private func blocks(_ language: String) throws -> [String] {
    let text = try String(contentsOf: TypeChecker.packageRoot.appendingPathComponent("README.md"), encoding: .utf8)
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

  @Test("Every Swift block builds", .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
  func swiftBlocks() throws {
    let blocks = try blocks("swift")
    #expect(blocks.count >= 4)
    for block in blocks {
      let outcome = try TypeChecker.check(block)
      #expect(outcome.succeeded, "\(block)\n\(outcome.diagnostics)")
    }
  }

  @Test("Every shell block is a command that the shell can read")
  func shellBlocks() throws {
    let blocks = try blocks("sh")
    #expect(blocks.count >= 2)
    for block in blocks {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-n", "-c", block]
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0, "\(block)")
    }
  }
}
