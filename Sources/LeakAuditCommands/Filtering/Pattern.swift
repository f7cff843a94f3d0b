// SPDX-License-Identifier: Apache-2.0

/// A pattern for names: `*` stands for any number of characters, `?` for one. Capital and small letters differ.
package struct Pattern: Sendable, Equatable, CustomStringConvertible {
  package let description: String
  private let elements: [Character]

  package init(_ text: String) {
    description = text
    elements = Array(text)
  }

  /// Whether it names nothing: it has neither letters nor digits, as `*`, `?*` and `*/*`, so that nearly every name
  /// matches.
  package var namesNothing: Bool { !elements.isEmpty && !elements.contains { $0.isLetter || $0.isNumber } }

  /// Whether the whole text matches. Takes at most as many steps as the product of both lengths.
  package func matches(_ text: String) -> Bool {
    let text = Array(text)
    var (place, index) = (0, 0)
    // What to try next if the rest does not match: the last `*` takes one character more.
    var retry: (place: Int, index: Int)?
    while index < text.count {
      if place < elements.count, elements[place] == "*" {
        place += 1
        retry = (place, index)
      } else if place < elements.count, elements[place] == "?" || elements[place] == text[index] {
        (place, index) = (place + 1, index + 1)
      } else if let last = retry {
        (place, index) = (last.place, last.index + 1)
        retry = (place, index)
      } else {
        return false
      }
    }
    return elements[place...].allSatisfy { $0 == "*" }
  }

  /// Whether a part of the text matches: what a person expects who types a piece of a name.
  package func isFound(in text: String) -> Bool { Pattern("*\(description)*").matches(text) }
}
