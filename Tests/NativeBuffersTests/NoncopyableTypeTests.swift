// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// With Swift 6.3 and `-O`, the deinit of a generic noncopyable type may not run when a value is destroyed by way of
/// the type's metadata (swiftlang/swift#89686). Such a type would leak what it owns.
@Suite("Noncopyable types")
struct NoncopyableTypeTests {
  /// The bodies of generic noncopyable types in a file, by the line of code that declares each type.
  private func genericTypes(in text: String) -> [(declaration: String, body: String)] {
    let declaration = /(?:struct|enum)\s+\w+\s*<[^{]*~Copyable[^{]*\{/
    return text.matches(of: declaration).map { match in
      var depth = 1
      let body = text[match.range.upperBound...].prefix { character in
        if character == "{" { depth += 1 }
        if character == "}" { depth -= 1 }
        return depth > 0
      }
      return (String(text[match.range]), String(body))
    }
  }

  @Test("No generic noncopyable type of the library has a deinit of its own, which Swift 6.3 may omit")
  func noGenericDeinit() throws {
    let sources = TypeChecker.packageRoot.appendingPathComponent("Sources")
    var found: [String] = []
    let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    for case let file as URL in files where file.pathExtension == "swift" {
      for type in genericTypes(in: try String(contentsOf: file, encoding: .utf8)) {
        found.append(type.declaration)
        // A class inside the type may have a deinit.
        let ownCode = type.body.replacing(/class [^{]*\{(?:[^{}]|\{[^{}]*\})*\}/, with: "")
        #expect(!ownCode.contains(/\bdeinit\b/), "\(file.lastPathComponent): \(type.declaration)")
      }
    }
    #expect(found.contains { $0.contains("CacheTable<") }, "the search finds those that are there")
  }

  @Test("The search finds a generic noncopyable type with a deinit")
  func search() {
    let text = "struct Plain: ~Copyable { deinit {} }\nstruct Box<Value>: ~Copyable { func f() { g() }; deinit {} }\n"
    let found = genericTypes(in: text)
    #expect(found.count == 1 && found.allSatisfy { $0.body.contains("deinit") })
  }
}
