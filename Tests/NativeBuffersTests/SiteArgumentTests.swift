// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import ResourceLedger
import Testing

@Suite("Made-up lines of code")
struct SiteArgumentTests {
  /// If the type is not known, the compiler makes a text of one character without a pointer.
  private static func character<Text: ExpressibleByUnicodeScalarLiteral>(as type: Text.Type = Text.self) -> Text { "x" }

  @Test("A file name that has no address is accepted, with any line")
  func unusual() throws {
    let text: StaticString = Self.character()
    #expect(!text.hasPointerRepresentation)
    for line in [0, 1, 1 << 17, 1 << 32, UInt(Int.max), UInt(Int.max) + 1, .max] {
      for _ in 0..<2 {
        let buffer = try NativeBuffer(byteCount: 64, file: text, line: line, function: text)
        #expect(buffer.site.file == "x" && buffer.site.function == "x")
        #expect(buffer.site.line == Int(UInt32(clamping: line)))
        #expect(buffer.dispose(file: text, line: line, function: text))
        let error = #expect(throws: NativeBufferError.self) { try buffer.withBytes { _ in } }
        #expect(error.map { "\($0)".contains("x:") } == true)
        let unique = try UniqueBuffer(byteCount: 1 << 20, file: text, line: line, function: text)
        #expect(unique.site.file == "x")
        unique.dispose()
      }
    }
  }
}
