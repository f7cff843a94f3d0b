// SPDX-License-Identifier: Apache-2.0

import Finalization
import ResourceLedger
import Testing

@Suite("Made-up lines of code, for registrations and resources")
struct SiteArgumentTests {
  private static func character<Text: ExpressibleByUnicodeScalarLiteral>(as type: Text.Type = Text.self) -> Text { "x" }

  private final class Target: Sendable {}

  @Test("A file name that has no address is accepted, with any line")
  func unusual() throws {
    let text: StaticString = Self.character()
    #expect(!text.hasPointerRepresentation)
    let registry = FinalizationRegistry<Target>(name: "unusual") { _ in }
    for line in [0, 1, 1 << 17, 1 << 32, UInt(Int.max), UInt(Int.max) + 1, .max] {
      let resource = try NativeResource(1, file: text, line: line, function: text) { _ in }
      resource.dispose()
      let target = Target()
      #expect(throws: FinalizationError.self) {
        try registry.register(target, holding: target, file: text, line: line, function: text)
      }
    }
  }
}
