// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Finds the code in articles and in documentation comments, so that tests can compile it.
public enum DocumentedCode {
  /// The code blocks of a language in an article.
  public static func blocks(_ language: String, in text: String) -> [String] {
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

  /// Whether a block needs a module that is empty without its trait.
  public static func isOfBridge(_ block: String) -> Bool {
    ["BitmapsNIO", "NativeBuffersFoundation", "NativeBuffersNIO"].contains { block.contains("import \($0)\n") }
  }

  /// An example in a documentation comment.
  public struct Example: Sendable {
    /// The name of the file that has it, without folders.
    public let fileName: String
    public let code: String
  }

  /// The examples in the comments of a module's files.
  public static func examples(ofModule module: String) throws -> [Example] {
    let folder = TypeChecker.packageRoot.appendingPathComponent("Sources/\(module)").path
    return try FileManager.default.subpathsOfDirectory(atPath: folder).sorted().filter { $0.hasSuffix(".swift") }
      .flatMap { name in
        try examples(in: String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))
          .map { Example(fileName: (name as NSString).lastPathComponent, code: $0) }
      }
  }

  /// The examples in comments: lines that are indented by four more than the text.
  private static func examples(in source: String) -> [String] {
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }
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

  /// A source file that has each example in a function of its own.
  /// - Parameters:
  ///   - parameters: what each example can use.
  ///   - contexts: declarations that the examples use, by the name of the examples' file.
  ///   - isAsync: whether the functions are `async`.
  public static func source(
    of examples: [Example], importing modules: [String], parameters: String, contexts: [String: String],
    isAsync: Bool = false
  ) -> String {
    var text = modules.map { "import \($0)\n" }.joined()
    for (number, example) in examples.enumerated() {
      // A value that is declared and not used would be a warning.
      let names = example.code.split(separator: "\n").flatMap { line in
        guard line.hasPrefix("let "), let end = line.range(of: " = ") else { return [String]() }
        return line[..<end.lowerBound].dropFirst(4).split { "(), ".contains($0) }.map(String.init)
      }
      text += """
        func example\(number)(  // \(example.fileName)
          \(parameters)
        ) \(isAsync ? "async " : "")throws {
        \(contexts[example.fileName] ?? "")
        \(example.code)
        \(names.map { "_ = \($0)" }.joined(separator: "\n"))
        }

        """
    }
    return text
  }
}
