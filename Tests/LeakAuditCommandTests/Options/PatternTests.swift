// SPDX-License-Identifier: Apache-2.0

import LeakAuditCommands
import Testing

@Suite("Patterns")
struct PatternTests {
  @Test(
    "A star stands for any characters, and a question mark for one",
    arguments: [
      ("a", "a", true), ("a", "b", false), ("a", "ab", false), ("", "", true), ("", "a", false), ("*", "", true),
      ("a*", "abc", true), ("*c", "abc", true), ("a*c", "ac", true), ("a*c", "abcd", false), ("a?c", "abc", true),
      ("a?c", "ac", false), ("?", "é", true), ("*.swift", "A/b.swift", true), ("A/*", "B/b.swift", false),
      ("a*b*c", "aXbXbXc", true), ("*ab", "aab", true), ("**", "x", true), ("A", "a", false),
    ])
  func matching(pattern: String, text: String, matches: Bool) {
    #expect(Pattern(pattern).matches(text) == matches)
  }

  @Test("A pattern of many stars takes no time that grows with more than both lengths")
  func manyStars() {
    let pattern = Pattern(String(repeating: "*a", count: 200) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 2_000)))
  }

  @Test("A piece of a text is found in it")
  func pieces() {
    #expect(Pattern("Cache.swift:12").isFound(in: "Server/Cache.swift:123 in load(_:)"))
    #expect(Pattern("load*").isFound(in: "Server/Cache.swift:123 in load(_:)"))
    #expect(!Pattern("store").isFound(in: "Server/Cache.swift:123 in load(_:)"))
  }

  @Test("A pattern without a letter or a digit names nothing")
  func nameless() {
    for text in ["*", "**", "?*", "*/*", "*.*(*)"] { #expect(Pattern(text).namesNothing, "\(text)") }
    for text in ["", "a*", "*7*", "Server/*"] { #expect(!Pattern(text).namesNothing, "\(text)") }
  }
}
